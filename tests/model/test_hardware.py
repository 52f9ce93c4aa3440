"""What is asked for is what is used; else what the processor is good at."""

from gliaflow.model.hardware import resolve_precision


def test_precision_is_what_was_asked_for() -> None:
    assert resolve_precision("float32") == "float32" and resolve_precision("mixed_bfloat16") == "mixed_bfloat16"
    assert resolve_precision("auto") in ("float32", "mixed_bfloat16")
