"""What trains: the number format that suits the processor, and the threads that share the work."""

import os
import platform
from pathlib import Path

import keras


def resolve_precision(asked: str) -> str:
    """The dtype policy: what is asked for, or for "auto" bfloat16 on a GPU and on processors with instructions for it.

    Measured on a processor with AVX512_BF16: training 1.4 (work size 128) to 1.6 times (256) as fast, inference 1.6 to
    1.8 times; on one that has to emulate bfloat16 it is slower than float32.
    """
    if asked != "auto":
        return asked
    return "mixed_bfloat16" if has_gpu() or _cpu_has_bfloat16() else "float32"


def count_threads() -> int:
    """Threads that share a convolution on the CPU; how sums are split among them decides the last bits of the weights.

    TF_NUM_INTRAOP_THREADS, with OMP_NUM_THREADS set alike, gives the same bytes on fewer or more cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0) or cores


def _cpu_has_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return platform.machine() == "x86_64" and ("avx512_bf16" in flags or "amx_bf16" in flags)


def has_gpu() -> bool:
    """Whether Keras sees a GPU."""
    # of all devices: asked for GPUs alone, JAX raises where there are none
    return any(device.startswith(("gpu", "cuda")) for device in keras.distribution.list_devices())
