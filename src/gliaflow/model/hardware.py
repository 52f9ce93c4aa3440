"""What trains: the number format that suits the processor, and the threads and devices that share the work."""

import os
import platform
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np


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


def count_devices(batch_size: int) -> int:
    """Of several devices (GPUs, where there are any) as many as share a batch evenly; 1 where the backend can't share.

    JAX can: Keras' distribution for TensorFlow is a stub, which would train on one GPU however many there are.
    """
    there = len(keras.distribution.list_devices()) if keras.backend.backend() == "jax" else 1
    return max(number for number in range(1, there + 1) if batch_size % number == 0)


def in_words(devices: int) -> str:
    """What a training runs on: "cpu", "gpu" or "2 gpus"."""
    kind = "gpu" if has_gpu() else "cpu"
    return kind if devices == 1 else f"{devices} {kind}s"


def idle_in_words(devices: int) -> str:
    """What is to be said of GPUs that a training on so many leaves idle; "" where it leaves none."""
    idle = len(keras.distribution.list_devices()) - devices if has_gpu() else 0
    if idle <= 0:
        return ""
    remedy = "make batch_size a multiple of all" if keras.backend.backend() == "jax" else "KERAS_BACKEND=jax uses all"
    return f"; of the GPUs {idle} {'is' if idle == 1 else 'are'} idle: {remedy}"


def sharing(devices: int) -> Any:
    """Within this context networks are built to be trained by so many devices, each with its share of a batch."""
    if devices == 1:
        return nullcontext()
    return _Shares(devices=keras.distribution.list_devices()[:devices]).scope()


def share(batch: np.ndarray) -> Any:
    """A batch that is only predicted, shared out as in training (where Keras does so by itself)."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return batch
    return keras.distribution.distribute_tensor(batch, distribution.get_data_layout(batch.shape))


class _Shares(keras.distribution.DataParallel):
    """Every device has all weights and takes its share of a batch, or all of one that can't be shared evenly.

    So the smaller batch at the end of an epoch is neither left out nor filled up: it is computed by every device, with
    the result of one.
    """

    def get_data_layout(self, data_shape: tuple[int, ...]) -> Any:
        if data_shape[0] % self.num_model_replicas == 0:
            return super().get_data_layout(data_shape)
        return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)
