"""What `prefect.yaml` names can be deployed."""

from pathlib import Path

import pytest
import yaml

from flows.home import PREFECT

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


def test_settings_of_prefect_that_stand_in_two_places_are_the_same():
    """A run in a terminal reads `flows.home`, server and workers `deploy/prefect.env`."""
    lines = (ROOT / "deploy" / "prefect.env").read_text(encoding="utf-8").splitlines()
    deployed = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    both = PREFECT.keys() & deployed.keys()
    assert {"DO_NOT_TRACK", "PREFECT_SERVER_ANALYTICS_ENABLED", "PREFECT_LOGGING_EXTRA_LOGGERS"} <= both
    assert {name: PREFECT[name] for name in both} == {name: deployed[name] for name in both}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_the_entrypoint_is_a_flow_that_takes_the_parameters(deployment, prefect_harness, monkeypatch):
    from prefect.flows import load_flow_from_entrypoint

    monkeypatch.chdir(ROOT)
    flow = load_flow_from_entrypoint(deployment["entrypoint"])
    assert flow.name == deployment["name"]
    assert flow.validate_parameters(deployment["parameters"])["data"] == deployment["parameters"]["data"]
    form = flow.parameters.model_dump()["properties"]
    assert form["data"]["description"].startswith("Folder or archive")
