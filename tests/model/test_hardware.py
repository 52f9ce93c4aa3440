"""What is asked for is what is used; else what the processor is good at."""

import keras
import pytest

from gliaflow.model.hardware import has_gpu, resolve_precision


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
