"""What is asked for is what is used; else what the processor is good at."""

import keras
import pytest

from gliaflow.model.hardware import count_devices, has_gpu, idle_in_words, in_words, resolve_precision


def test_precision_is_what_was_asked_for() -> None:
    assert resolve_precision("float32") == "float32" and resolve_precision("mixed_bfloat16") == "mixed_bfloat16"
    assert resolve_precision("auto") in ("float32", "mixed_bfloat16")


@pytest.mark.parametrize(("devices", "there"), [(["cpu:0"], False), (["cpu:0", "gpu:0"], True), (["cuda:1"], True)])
def test_a_gpu_is_told_from_all_devices(devices: list[str], there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As JAX does, the stand-in raises where it is asked for a kind of device that is not there."""

    def list_devices(kind: str | None = None) -> list[str]:
        if kind is not None and not any(device.startswith(kind) for device in devices):
            raise RuntimeError(f"Unknown backend: '{kind}' requested")
        return devices

    monkeypatch.setattr(keras.distribution, "list_devices", list_devices)
    assert has_gpu() is there
    assert there is False or resolve_precision("auto") == "mixed_bfloat16"


def test_as_many_devices_share_the_work_as_divide_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0", "gpu:1", "gpu:2"])
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert [count_devices(batch_size) for batch_size in (12, 16, 25)] == [3, 2, 1]
    assert (in_words(1), in_words(3)) == ("gpu", "3 gpus")
    assert idle_in_words(3) == ""
    assert idle_in_words(2) == "; of the GPUs 1 is idle: make batch_size a multiple of all"
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    assert count_devices(12) == 1
    assert idle_in_words(1) == "; of the GPUs 2 are idle: KERAS_BACKEND=jax uses all"
