"""What a server tells of itself."""

import json
from pathlib import Path

import pytest

from gliaflow.web import app
from gliaflow.web.samples import list_samples, sample_path
from gliaflow.web.settings import ServeLimits


def test_the_model_and_its_limits(served, release_name) -> None:
    told = served.client.get("/api/model").json()
    limits = ServeLimits()
    assert told["name"] == release_name
    assert told["card"] == "# A tiny card"
    assert told["size"] == 32
    assert told["token_needed"] is False
    assert told["niivue"] is (app.PAGE / "niivue/index.js").is_file()
    assert told["limits"]["file_bytes"] == limits.file_bytes == 64 << 20
    assert set(told["limits"]) == {"file_bytes", "total_bytes", "files", "slices", "pixels", "seconds"}
    assert "TIFF" in told["formats"]


def test_it_lives_and_is_ready_until_it_stops(stub_server) -> None:
    served, _ = stub_server()
    assert served.client.get("/health").json() == {"status": "alive"}
    assert served.client.get("/ready").json() == {"status": "ready"}
    served.service.is_ready = False
    response = served.client.get("/ready")
    assert response.status_code == 503 and response.headers["retry-after"] == "5"
    assert response.json() == {"message": "Not ready: starting or stopping."}


def test_metrics_count(stub_server, picture) -> None:
    served, _ = stub_server()
    served.send(("a.png", picture()), ("b.png", picture()))
    served.send(("c.png", b"no picture"))
    text = served.client.get("/metrics").text
    for line in (
        'gliaflow_requests_total{method="POST",route="/api/predict",status="200"} 1.0',
        'gliaflow_requests_total{method="POST",route="/api/predict",status="422"} 1.0',
        'gliaflow_slices_total{call="tumor"} 2.0',
        'gliaflow_files_refused_total{reason="unknown_format"} 1.0',
        "gliaflow_requests_in_flight 0.0",
    ):
        assert f"\n{line}\n" in text
    (readers,) = [line for line in text.splitlines() if line.startswith("gliaflow_readers_resident_bytes ")]
    assert float(readers.split()[1]) > 10 << 20


def test_errors_are_messages(served) -> None:
    for method, path, status in (("GET", "/nowhere", 404), ("GET", "/api/predict", 405), ("PUT", "/health", 405)):
        response = served.client.request(method, path)
        assert response.status_code == status and set(response.json()) == {"message"}
    response = served.client.post("/api/predict?stream=perhaps")
    assert response.status_code == 422
    assert response.json()["message"].startswith("The request is not as /openapi.json says: query.stream:")


def test_samples_are_those_that_are_listed(served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "samples"
    folder.mkdir()
    listed = [{"name": "a.png", "about": "A tumour"}, {"name": "b.tif", "about": "None"}]
    (folder / "samples.json").write_text(json.dumps(listed))
    (folder / "a.png").write_bytes(b"picture")
    (tmp_path / "secret.txt").write_text("secret")
    assert list_samples(tmp_path) == listed
    assert sample_path(tmp_path, "a.png") == folder / "a.png"
    for name in ("samples.json", "../secret.txt", "", "..", "/etc/passwd"):
        assert sample_path(tmp_path, name) is None
    assert list_samples(tmp_path / "elsewhere") == []
    response = served.client.get("/api/samples/..%2Fsamples.json")
    assert response.status_code == 404 and "message" in response.json()


def test_the_api_is_described_with_its_errors(served) -> None:
    told = served.client.get("/openapi.json").json()
    predict = told["paths"]["/api/predict"]["post"]
    assert {"200", "400", "401", "413", "415", "422", "503"} <= set(predict["responses"])
    for status, response in predict["responses"].items():
        if status != "200":
            assert response["content"]["application/json"]["schema"]["$ref"].endswith("/Said")
    assert set(predict["responses"]["200"]["content"]) == {"application/json", "application/x-ndjson"}
    assert "multipart/form-data" in predict["requestBody"]["content"]
    assert "Research use only" in told["info"]["description"]
    assert app.PAGE.name == "page"


def test_the_limits_are_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "serving.md").read_text(encoding="utf-8")
    limits = ServeLimits()
    for said in (
        f"| a file | {limits.file_bytes >> 20} MiB | `--max-file` |",
        f"| a request | {limits.total_bytes >> 20} MiB | `--max-total` |",
        f"| files of a request, those in archives included | {limits.files} | `--max-files` |",
        f"| slices of a request | {limits.slices} | `--max-slices` |",
        f"| pixels of a slice, by its header | {limits.slice_pixels:,} | |",
        f"| pixels of a request | {limits.pixels:,} | |",
        f"| {limits.unpacked_bytes >> 20} MiB, and {limits.unpacked_ratio} times its size beyond 16 MiB | |",
        f"| seconds to read files | {limits.reading_seconds:g} | |",
        f"| seconds to answer | {limits.seconds:g} | `--max-seconds` |",
        f"| requests at a time | {limits.requests} | `--max-requests` |",
        f"more than {limits.waiting_bytes >> 20} MiB of\nfiles or {limits.waiting_pixels // 10**6} million pixels",
        f"with {limits.reading_bytes >> 30} GiB of memory",
    ):
        assert said in text, said


def test_every_route_is_documented(served) -> None:
    text = (Path(__file__).parents[3] / "docs" / "serving.md").read_text(encoding="utf-8")
    for path in served.client.get("/openapi.json").json()["paths"]:
        assert path.replace("/{name}", "") in text, path
