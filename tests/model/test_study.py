"""A study draws the same whether or not it was stopped, and ends what is hopeless."""

import json

import optuna
import pytest

from gliaflow.model import study as module
from gliaflow.model.recipes import RECIPES
from gliaflow.model.search import Range, values_of
from gliaflow.model.study import FILE, PRUNE_AFTER, Course, Search, next_trial, open_study, outcome_of

EPOCHS = 4
BASELINE = RECIPES["default"].model_copy(update={"augmentation": None})  # fewer fields to draw
SEARCH = Search(BASELINE, seed=0, epochs=EPOCHS)


class Killed(BaseException):
    """The process ends here."""


def dice(values, epoch):
    """A made-up Dice after `epoch`: the best learning rate is 0.003."""
    return (0.9 - 40 * abs(values["learning_rate"] - 3e-3)) * epoch / EPOCHS


def run(folder, total, search=SEARCH, dice=dice, at=lambda number, epoch: None):
    """Run the trials that are missing; `at` is called before and after each epoch's figure and may raise."""
    with open_study(folder, search) as study:
        while (number := next_trial(study, search, total)) is not None:
            course = Course(study, search, number)
            first = max(course.reported, default=0) + 1
            for epoch in range(first, EPOCHS + 1):
                if course.is_hopeless():
                    break
                at(number, epoch)
                course.report(epoch, dice(course.values, epoch))
                at(number, epoch + 0.5)
            if course.is_hopeless():
                course.prune()
            else:
                course.complete(dice(course.values, EPOCHS))
        return outcome_of(study, search, total)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A study of twelve trials that was left alone."""
    return run(tmp_path_factory.mktemp("alone"), 12)


def same(one, other):
    return one.trials.equals(other.trials) and one.curves.equals(other.curves) and one.recipe == other.recipe


def test_trial_0_is_the_recipe_as_it_is_and_the_best_is_better(alone):
    assert list(alone.trials["number"]) == list(range(12))
    assert json.loads(alone.trials["parameters"][0]) == values_of(SEARCH.baseline, SEARCH.space)
    assert SEARCH.recipe(0, {}) is SEARCH.baseline
    complete = alone.trials[alone.trials["state"] == "complete"]
    assert alone.best == complete.set_index("number")["dice"].idxmax() > 0
    assert alone.recipe.name == "default-tuned" and alone.recipe.epochs == SEARCH.baseline.epochs
    assert alone.recipe.learning_rate == json.loads(alone.trials["parameters"][alone.best])["learning_rate"]


def test_what_is_worse_than_the_median_is_ended_early(alone):
    assert (alone.trials["state"][:PRUNE_AFTER] == "complete").all()
    pruned = alone.trials[alone.trials["state"] == "pruned"]
    assert len(pruned) and (pruned["epochs"] < EPOCHS).all()
    assert (run_lengths(alone) == alone.trials.set_index("number")["epochs"]).all()


def run_lengths(outcome):
    return outcome.curves.groupby("trial")["epoch"].max().rename_axis("number")


def test_nothing_is_pruned_where_nothing_is_asked_for(tmp_path):
    outcome = run(tmp_path, 8, Search(BASELINE, seed=0, epochs=EPOCHS, pruner="none"))
    assert set(outcome.trials["state"]) == {"complete"}


@pytest.mark.parametrize(("number", "epoch"), [(0, 1), (3, 2.5), (9, 1), (9, 2.5)])
def test_stopped_anywhere_and_started_again_it_ends_alike(alone, tmp_path, number, epoch):
    def at(now, here):
        if (now, here) == (number, epoch):
            raise Killed

    with pytest.raises(Killed):
        run(tmp_path, 12, at=at)
    assert same(run(tmp_path, 12), alone)


def test_stopped_while_values_are_drawn_it_ends_alike(alone, tmp_path, monkeypatch):
    run(tmp_path, 10)
    draw, drawn = Range.draw, []

    def stop(self, trial):
        drawn.append(self.field)
        if len(drawn) == 4:
            raise Killed
        return draw(self, trial)

    monkeypatch.setattr(Range, "draw", stop)
    with pytest.raises(Killed):
        run(tmp_path, 12)
    monkeypatch.undo()
    assert same(run(tmp_path, 12), alone)


def test_more_trials_go_on_from_those_there_are_and_fewer_need_none(alone, tmp_path):
    run(tmp_path, 5)
    started = []
    assert same(run(tmp_path, 12, at=lambda number, epoch: started.append(number)), alone)
    assert min(started) == 5
    few = run(tmp_path, 3, at=lambda number, epoch: pytest.fail("nothing is missing"))
    assert list(few.trials["number"]) == [0, 1, 2]


def test_another_seed_draws_otherwise(alone, tmp_path):
    other = run(tmp_path, 2, Search(BASELINE, seed=1, epochs=EPOCHS))
    assert other.trials["parameters"][0] == alone.trials["parameters"][0]
    assert other.trials["parameters"][1] != alone.trials["parameters"][1]


def test_of_equals_the_default_wins(tmp_path):
    outcome = run(tmp_path, 3, dice=lambda values, epoch: 0.5)
    assert outcome.best == 0 and outcome.recipe is SEARCH.baseline


def test_a_failed_trial_counts_is_told_and_is_not_run_again(tmp_path):
    with open_study(tmp_path, SEARCH) as study:
        for end in ("complete", "fail"):
            course = Course(study, SEARCH, next_trial(study, SEARCH, 2))
            course.complete(0.5) if end == "complete" else course.fail("The loss became nan.")
        assert next_trial(study, SEARCH, 2) is None
        trials = outcome_of(study, SEARCH, 2).trials
    assert list(trials["state"]) == ["complete", "failed"]
    assert list(trials["why"]) == ["", "The loss became nan."] and trials["dice"].isna().tolist() == [False, True]


def test_a_damaged_study_begins_anew_and_is_kept(alone, tmp_path, caplog):
    run(tmp_path, 3)
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[: len(content) // 2])
    assert same(run(tmp_path, 12), alone)
    assert "is damaged: the search begins anew" in caplog.text
    assert (tmp_path / f"{FILE}.damaged").stat().st_size == len(content) // 2


def test_what_matters_is_told_once_there_are_enough_trials(alone, tmp_path, monkeypatch):
    assert alone.importance == {}
    monkeypatch.setattr(module, "IMPORTANT", 10)
    outcome = run(tmp_path, 12, Search(BASELINE, seed=0, epochs=EPOCHS, pruner="none"))
    assert outcome.importance.keys() == {dimension.field for dimension in SEARCH.space}
    assert sum(outcome.importance.values()) == pytest.approx(1)
    assert min(outcome.importance.values()) >= 0
    assert outcome.importance["learning_rate"] > 0.5, "the only field that decides"
    assert outcome.importance == run(tmp_path, 12, Search(BASELINE, seed=0, epochs=EPOCHS, pruner="none")).importance


def test_optuna_keeps_its_own_record(tmp_path):
    """Anything that reads Optuna's storage reads the study."""
    run(tmp_path, 2)
    study = optuna.load_study(study_name="tune", storage=f"sqlite:///{tmp_path / FILE}")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE"]
    study._storage.remove_session()
