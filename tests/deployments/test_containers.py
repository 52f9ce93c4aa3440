"""The files for containers: as far as can be told without an engine. What was run on one is in docs/deployments.md."""

import json
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import yaml

from benchmarks.serving import MAKE

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
ENVIRONMENT = (ROOT / "deploy" / "prefect.env").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def test_the_services_wait_for_each_other_and_mount_what_is_declared():
    assert set(SERVICES) == {"database", "server", "deploy", "worker", "web", "reports"}
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for the health of {other}"
            else:
                assert SERVICES[other]["restart"] == "no", f"{name} waits for the end of {other}"
        for volume in service.get("volumes", []):
            if isinstance(volume, str):
                assert volume.split(":")[0] in COMPOSE["volumes"], volume
            else:  # written short, a folder `data` is taken for a volume, and one that is not there is made, as root
                assert volume["type"] == "bind" and volume["source"].startswith("${"), volume
                assert volume["bind"] == {"create_host_path": False}, volume
                assert volume.get("read_only", False) == ((name, volume["target"]) != ("worker", "/app/artifacts"))
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} is open to other machines"


def test_every_setting_of_prefect_is_one_it_knows():
    import prefect.settings

    named = set(re.findall(r"^(PREFECT_\w+)=", ENVIRONMENT, re.M))
    named |= {name for service in SERVICES.values() for name in service.get("environment", {}) if "PREFECT" in name}
    named |= set(re.findall(r"PREFECT_\w+", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert len(named) > 9
    for name in named:
        assert hasattr(prefect.settings, name), name
    assert not hasattr(prefect.settings, "PREFECT_SERVER_NO_SUCH_SETTING")


def test_the_containers_get_what_make_gives():
    given = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text(encoding="utf-8")))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    asked_only_here = {"DATABASE_PASSWORD", "TOKEN"}
    assert given - asked_only_here == {"AUTH", "DATA", "ARTIFACTS", "NIGHTLY", "TIMEZONE"}
    for name in given - asked_only_here:
        assert re.search(rf"\b{name}\b", makefile), name
    asked = set(re.findall(r"\$(GLIAFLOW_\w+)", (ROOT / "prefect.yaml").read_text(encoding="utf-8")))
    assert asked == {name for name in SERVICES["deploy"]["environment"] if name.startswith("GLIAFLOW_")}
    assert SERVICES["server"]["environment"]["PREFECT_SERVER_DATABASE_CONNECTION_URL"].startswith("postgresql+asyncpg:")


def test_the_server_and_the_worker_are_started_as_by_make():
    printed = subprocess.run([*MAKE, "-n", "server", "worker"], cwd=ROOT, capture_output=True, text=True).stdout
    words = [word for word in SERVICES["server"]["command"] if word not in ("0.0.0.0", "4200", "--host", "--port")]
    assert f"/{' '.join(words)}" in printed.replace('"', "")
    worker = re.search(r"exec (prefect worker start [^;]*);", SERVICES["worker"]["command"][-1])
    assert worker is not None and f"/{worker[1]}" in printed


def test_a_worker_that_comes_back_first_sets_right_what_its_container_left(server, tmp_path):
    """Without a server it ends, and the engine starts it again: what it would set right is on the server."""
    service = SERVICES["worker"]
    assert service["hostname"] and service["restart"] == "unless-stopped"
    shell, option, line = service["command"]
    assert (shell, option) == ("sh", "-c")
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    line = line.replace("exec prefect worker start", "echo starts")

    def run(**settings):
        path = f"{Path(sys.executable).parent}:{server.environment['PATH']}"
        environment = {**server.environment, "PATH": path, "PYTHONPATH": str(ROOT), **settings}
        return subprocess.run([shell, option, line], cwd=tmp_path, env=environment, capture_output=True, text=True)

    said = run().stdout.splitlines()
    assert said == ["Prefect shows no run that has ended.", "starts --pool gliaflow --type process"]
    gone = run(PREFECT_API_URL="http://127.0.0.1:9/api")
    assert gone.returncode == 1 and "starts" not in gone.stdout and "No Prefect server answers" in gone.stderr


def test_the_health_of_the_server_is_asked_for_in_words_that_work(server):
    command = SERVICES["server"]["healthcheck"]["test"]
    assert command[0] == "CMD"
    there = [word.replace("http://127.0.0.1:4200/api", server.api) for word in command[1:]]
    assert there != command[1:]
    assert subprocess.run(there, env=server.environment).returncode == 0
    assert subprocess.run(command[1:], env=server.environment, capture_output=True).returncode in (0, 1)


def test_the_image_is_built_from_the_lock_file_and_not_run_by_root():
    assert '--require-hashes -r "$LOCK"' in DOCKERFILE and "ARG LOCK=requirements.lock" in DOCKERFILE
    assert DOCKERFILE.index("USER gliaflow") > DOCKERFILE.index("RUN python -m pip install")
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert kept[0] == "*"
    needed = {
        "pyproject.toml",
        "README.md",
        "prefect.yaml",
        "requirements.lock",
        "deploy",
        "flows",
        "schemas",
        "src",
        "tasks",
    }
    assert needed <= {line[1:] for line in kept if line.startswith("!")}
    assert all((ROOT / line[1:]).exists() for line in kept if line.startswith("!"))


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_a_template_makes_a_work_pool_and_declares_every_variable_that_it_uses(kind, server):
    path = ROOT / "deploy" / f"{kind}-pool.json"
    template = json.loads(path.read_text(encoding="utf-8"))
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert used == set(template["variables"]["properties"])
    for name in used:
        assert template["variables"]["properties"][name]["description"], name
    pool = f"{kind}-{uuid.uuid4().hex[:8]}"
    server.prefect("work-pool", "create", pool, "--type", kind, "--base-job-template", str(path))
    with server.client() as client:
        made = client.read_work_pool(pool)
    assert made.type == kind
    assert made.base_job_template == template
    image = made.base_job_template["variables"]["properties"]["image"]["default"]
    assert image == SERVICES["server"]["image"]
    environment = made.base_job_template["variables"]["properties"]["env"]["default"]
    assert f"PREFECT_HOME={environment['PREFECT_HOME']}" in DOCKERFILE  # else that of the worker's machine
    if kind == "docker":  # the worker's own, on 127.0.0.1, is not to be reached from the network that the run is in
        assert environment["PREFECT_API_URL"] == SERVICES["worker"]["environment"]["PREFECT_API_URL"]
