"""`import gliaflow` is light, and imports run one way."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "modules",
    [
        "gliaflow",
        "gliaflow.cli, gliaflow.process, gliaflow.store.artifacts, gliaflow.model.recipes",
        "gliaflow.ingest.prepare, gliaflow.splits.leaks, gliaflow.evaluation.evaluate, gliaflow.report.page",
    ],
)
def test_the_domain_leaves_prefect_and_keras_unloaded(modules):
    heavy = ("prefect", "pandera", "keras", "tensorflow")
    code = f"import {modules}, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_line_leaves_prefect_unloaded_until_its_settings_are_made():
    code = "import flows.__main__, sys; flows.__main__.make_parser(); print('prefect' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_digesting_the_code_of_training_does_not_load_it():
    code = (
        "import sys; from gliaflow.store.digests import digest_code; "
        "print('gliaflow.model.losses' in digest_code(['gliaflow.model.training']), 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
