"""The commands `why` and `gc`, as a person types them."""

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
