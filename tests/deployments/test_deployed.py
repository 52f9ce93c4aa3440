"""What `make deploy` puts on the server: every deployment, its form, its schedule, and one training at a time."""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Completed, Running

from tasks.turns import LIMIT

ROOT = Path(__file__).parents[2]
TRAININGS = ["train", "crossval", "tune"]
ALL = [*TRAININGS, "predict", "watch"]


@pytest.fixture(scope="module")
def deployed(server, forget_limit, tmp_path_factory):
    """The deployments by name, after `make deploy` was run twice."""
    folder = tmp_path_factory.mktemp("data")
    first = server.make("deploy", f"DATA={folder}", "NIGHTLY=0 0 29 2 *")
    with server.client() as client:
        queue = client.read_work_queue_by_name("training", work_pool_name="gliaflow").id
        client.update_work_queue(queue, concurrency_limit=2)  # as someone may have done in the dashboard
        client.update_global_concurrency_limit(LIMIT, GlobalConcurrencyLimitUpdate(limit=2))
    again = server.make(
        "deploy", f"DATA={folder}", "ARTIFACTS=elsewhere", "NIGHTLY=30 1 29 2 *", "TIMEZONE=Europe/Berlin"
    )
    assert "Made the work pool gliaflow" in first and "runs 1 at a time" in first and "Made the limit training" in first
    assert "Made" not in again
    with server.client() as client:
        assert client.read_work_queue(queue).concurrency_limit == 2
        assert client.read_global_concurrency_limit_by_name(LIMIT).limit == 2
        client.update_work_queue(queue, concurrency_limit=1)
        found = client.read_deployments(deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=ALL)))
    assert sorted(deployment.name for deployment in found) == sorted(ALL)
    assert {deployment.parameters["data"] for deployment in found} == {str(folder)}
    yield {deployment.name: deployment for deployment in found}
    forget_limit()


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_waits_for_its_turn_in_the_queue_of_the_pool(deployed, name):
    deployment = deployed[name]
    assert deployment.entrypoint == f"flows/{name}.py:{name}"
    assert (deployment.work_pool_name, deployment.work_queue_name) == ("gliaflow", "training")
    assert deployment.global_concurrency_limit.limit == 1
    assert deployment.concurrency_options.collision_strategy == "ENQUEUE"
    assert {"gliaflow", "training"} <= set(deployment.tags)
    assert deployment.parameters["artifacts"] == "elsewhere"


@pytest.mark.parametrize("name", ALL)
def test_a_run_takes_the_code_from_this_checkout_wherever_its_worker_stands(deployed, name):
    assert deployed[name].pull_steps == [{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}]
    assert str(ROOT) not in (ROOT / "prefect.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "wrong", [{"training": {"epochs": 0}}, {"training": {"epoch": 1}}, {"intake": {"reject_limit": 2}}]
)
def test_what_the_form_does_not_allow_is_refused_when_the_run_is_asked_for(server, deployed, wrong):
    with server.client() as client, pytest.raises(PrefectHTTPStatusError, match="409|422"):
        client.create_flow_run_from_deployment(deployed["train"].id, parameters=wrong)


def test_only_train_has_a_schedule_at_night_in_a_time_zone_and_a_second_deploy_replaces_it(deployed):
    (nightly,) = deployed["train"].schedules
    assert nightly.active
    assert (nightly.schedule.cron, nightly.schedule.timezone) == ("30 1 29 2 *", "Europe/Berlin")
    assert ZoneInfo(nightly.schedule.timezone)
    assert all(deployed[name].schedules == [] for name in ("crossval", "tune", "predict"))


def test_patients_whose_masks_are_still_drawn_wait_at_night(deployed):
    assert deployed["train"].parameters["intake"] == {"unlabelled": "wait"}


def test_a_look_comes_every_few_minutes_and_none_while_another_is_under_way(deployed):
    watch = deployed["watch"]
    (often,) = watch.schedules
    assert often.active and often.schedule.interval.total_seconds() == 300
    assert (watch.work_pool_name, watch.work_queue_name) == ("gliaflow", "default")
    assert watch.global_concurrency_limit.limit == 1
    assert watch.concurrency_options.collision_strategy == "CANCEL_NEW"


@pytest.mark.parametrize("name", ALL)
def test_every_field_of_the_form_is_described_and_all_but_data_have_a_default(deployed, name):
    form = deployed[name].parameter_openapi_schema
    assert form["required"] == ["data"]
    assert deployed[name].enforce_parameter_schema
    for title, field in form["properties"].items():
        group = form["definitions"].get(field.get("$ref", "").split("/")[-1], {})
        assert field.get("description") or group.get("description"), title
        for inner, value in group.get("properties", {}).items():
            assert value["description"] and "default" in value, f"{title}.{inner}"


def test_the_server_hands_out_one_training_at_a_time_of_all_three_deployments(server, deployed):
    with server.client() as client:
        runs = [client.create_flow_run_from_deployment(deployed[name].id).id for name in TRAININGS]

        def handed_out() -> list[uuid.UUID]:
            found = client.get_scheduled_flow_runs_for_work_pool("gliaflow", scheduled_before=datetime.now(UTC))
            return [one.flow_run.id for one in found]

        for left in (3, 2, 1):
            (run,) = handed_out()
            assert run in runs
            client.set_flow_run_state(run, Running(), force=True)
            assert handed_out() == [], f"with {left} left, a second one was handed out"
            client.set_flow_run_state(run, Completed(), force=True)
            runs.remove(run)
        assert handed_out() == []
