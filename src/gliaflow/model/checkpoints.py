"""Checkpoints: all that the next epoch depends on, in one file that appears whole or not at all."""

import contextlib
import json
import logging
import os
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

try:
    import fcntl
except ImportError:  # not on Windows; two trainings at once are then up to the user
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

KEPT = 2  # the newest, and the one before it in case the newest turns out damaged


Arrays = dict[str, list[np.ndarray]]


def save_checkpoint(work: Path, model: keras.Model, beside: Arrays, state: dict[str, Any]) -> Path:
    """Write `work/epoch-NNNN.npz`: every variable of model and optimizer, the arrays `beside` them, and `state`.

    `beside` has a list a name ("best": the best weights), in their order; `state` has "epoch", "identity" and whatever
    else JSON can hold. Among the model's variables are the states of dropout's seed generators, which no weights file
    carries.
    """
    arrays = {f"variable-{i:04d}": keras.ops.convert_to_numpy(v) for i, v in enumerate(_variables(model))}
    for name, listed in beside.items():
        arrays |= {f"{name}-{i:04d}": array for i, array in enumerate(listed)}
    arrays["state"] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    path = work / f"epoch-{state['epoch']:04d}.npz"
    draft = work / f"{path.name}.draft"
    with open(draft, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    for old in sorted(work.glob("epoch-*.npz"))[:-KEPT]:
        old.unlink()
    return path


def restore_checkpoint(work: Path, model: keras.Model, identity: str) -> tuple[dict[str, Any], Arrays] | None:
    """Put the newest whole checkpoint of this `identity` into `model`; returns its state and what lay beside.

    `model` is compiled and its optimizer built. None if there is no such checkpoint. Damaged ones and those of another
    recipe, seed or data are removed on the way, and the log says so.
    """
    for path in sorted(work.glob("epoch-*.npz"), reverse=True):
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as members:  # checks each member's CRC
                arrays = {name: members[name] for name in members.files}
            state = json.loads(arrays["state"].tobytes())
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            logger.warning(
                "The checkpoint %s is damaged (%s); the one before it is taken, if there is one.", path.name, error
            )
            path.unlink()
            continue
        if state.get("identity") != identity:
            logger.info("The checkpoint %s belongs to another recipe, seed or data; it is removed.", path.name)
            path.unlink()
            continue
        variables = _variables(model)
        lists: Arrays = defaultdict(list)
        for name in sorted(arrays.keys() - {"state"}):
            lists[name.rpartition("-")[0]].append(arrays[name])
        saved = lists.pop("variable")
        assert [v.shape for v in variables] == [a.shape for a in saved], "equal identities have equal variables"
        for variable, array in zip(variables, saved, strict=True):
            variable.assign(array)
        return state, lists
    return None


@contextlib.contextmanager
def alone_in(work: Path) -> Iterator[None]:
    """Hold the work folder: a second training in it waits until the first has ended.

    The hold is the kernel's, which frees it when its process dies in whatever way.
    """
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "w") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.info("Another process trains the same model in %s; waiting for it.", work)
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
