"""The command line says what can be set, and passes it on."""

import argparse

import pytest

from flows.__main__ import main
from flows.options import CROSSVAL, GROUPS, add_options, read_options
from tasks.settings import FoldSettings, SplitSettings


def read(*arguments: str) -> dict:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return read_options(parser.parse_args(["--data", "d", *arguments]))


@pytest.mark.parametrize(("command", "groups"), [("train", GROUPS), ("crossval", CROSSVAL)])
def test_every_setting_is_an_option_with_a_help_line(capsys, command, groups):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for settings in groups.values():
        for name, field in settings.model_fields.items():
            assert f"--{name.replace('_', '-')}" in shown
            assert field.description and " ".join(field.description.split()) in shown


def test_options_reach_their_stage_and_a_shared_one_all_of_its_stages():
    parameters = read("--protocol", "slice", "--epochs", "3", "--seed", "7", "--reject-limit", "0.5", "--batch", "9")
    assert parameters["splitting"].protocol == "slice"
    assert parameters["training"].epochs == 3
    assert parameters["intake"].reject_limit == 0.5
    assert [parameters[name].seed for name in ("splitting", "training", "evaluating")] == [7, 7, 7]
    assert parameters["spreading"].batch == 9 and parameters["artifacts"] == "artifacts"


def test_without_options_every_stage_has_its_defaults():
    parameters = read()
    assert {name: parameters[name] for name in GROUPS} == {name: settings() for name, settings in GROUPS.items()}


def test_a_fold_of_a_crossval_has_the_settings_of_a_run_of_that_fold_alone():
    parser = argparse.ArgumentParser()
    add_options(parser)
    alone = ["--protocol", "crossval", "--folds", "4", "--fold", "3", "--seed", "7", "--val-fraction", "0.3"]
    assert FoldSettings(folds=4, seed=7, val_fraction=0.3).split(3) == read(*alone)["splitting"]
    assert FoldSettings(protocol="site", folds=4).split(1) == SplitSettings(protocol="site", fold=1)


def test_a_crossval_offers_no_fold_and_takes_none_for_folds(capsys):
    for wrong in (["--fold", "3"], ["--test-fraction", "0.2"]):
        with pytest.raises(SystemExit):
            main(["crossval", "--data", "d", *wrong])
        assert f"unrecognized arguments: {' '.join(wrong)}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--reject-limit", "3"], "--reject-limit: Input should be less than or equal to 1"),
        (["--size", "100"], "--size: Input should be a multiple of 32"),
        (["--protocol", "random"], "invalid choice: 'random'"),
        (["--batch", "0"], "--batch: Input should be greater than or equal to 1"),
        (
            ["--scheduler", "tcp://10.0.0.1:8786"],
            "--scheduler: Value error, a scheduler is one of Dask's: say --runner",
        ),
        (["--runner", "dask", "--scheduler", "10.0.0.1"], "an address reads tcp://HOST:PORT, not 10.0.0.1"),
        (["--runner", "dask", "--scheduler", "tcp://a:1", "--workers", "2"], "--workers: Value error, the cluster at"),
        (["--folds", "many"], "argument --folds: invalid int value: 'many'"),
    ],
)
def test_a_wrong_value_is_refused_by_name(capsys, arguments, complaint):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--data", "d", *arguments])
    assert stop.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_comparison_takes_what_its_bootstrap_can_use(capsys):
    for wrong, least in (("--resamples=99", 100), ("--seed=-1", 0)):
        with pytest.raises(SystemExit):
            main(["compare", "last", "last", wrong])
        assert f"must be a whole number from {least} on" in capsys.readouterr().err
