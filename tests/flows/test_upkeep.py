"""The commands `why` and `gc`, as a person types them."""

import shutil

import pytest

from flows.__main__ import main


def test_why_tells_the_last_run_and_gc_shows_before_it_removes(copy, run_train, capsys):
    data, artifacts = copy
    first = next((artifacts / "train").iterdir()).name
    run_train(data, artifacts, epochs=1)
    where = ["--artifacts", str(artifacts)]

    assert main(["why", "last", "train", *where]) == 0
    told = capsys.readouterr().out
    assert "train     ran" in told and "  parameter  recipe.epochs  2 -> 1\n" in told
    assert f"compared with train/{first}, made 20" in told

    assert main(["gc", "--keep", "1", *where]) == 0
    shown = capsys.readouterr().out
    assert f"train/{first}" in shown and "Say --yes to remove this.\nNothing was removed.\n" in shown
    assert (artifacts / "train" / first).exists()

    assert main(["gc", "--keep", "1", "--yes", *where]) == 0
    assert "Freed " in capsys.readouterr().out
    assert not (artifacts / "train" / first).exists()
    assert run_train(data, artifacts, epochs=1).ran == ["scan"], "the kept run's results are all there"
    assert main(["gc", *where]) == 0
    assert capsys.readouterr().out.endswith("Nothing to remove.\n")


def test_gc_in_the_middle_of_a_run_takes_nothing_that_the_run_uses(copy, run_train, monkeypatch, capsys):
    """The run uses volumes and a split that else only the oldest run names, which is not kept."""
    import flows.steps

    data, artifacts = copy
    other = run_train(data, artifacts, epochs=1)
    shutil.rmtree(artifacts / "evaluate")
    evaluate = flows.steps.evaluate

    def after_gc(*arguments, **inputs):
        assert main(["gc", "--keep", "1", "--yes", "--artifacts", str(artifacts)]) == 0
        return evaluate(*arguments, **inputs)

    with monkeypatch.context() as patch:
        patch.setattr(flows.steps, "evaluate", after_gc)
        run = run_train(data, artifacts)
    told = capsys.readouterr().out
    assert f"Running: {run.record['run']}; what they use stays." in told
    assert "To be removed: 1 run record" in told
    assert "evaluate" in run.ran and "train" not in run.ran
    assert run_train(data, artifacts).ran == ["scan"]
    assert (artifacts / other.stages["train"]["path"]).exists(), "the run that is kept"


def test_why_of_an_unknown_run_and_gc_that_keeps_nothing_are_refused(tmp_path, capsys):
    assert main(["why", "x", "--artifacts", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("No run has left a record in ")
    assert main(["gc", "--keep", "0", "--artifacts", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "--keep takes a number from 1 on, not 0.\n"


@pytest.mark.parametrize("command", ["train", "why", "gc"])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert "--artifacts" in capsys.readouterr().out
