"""Stage `leakage`: the same recipe under the protocol `slice` and under one that keeps patients whole."""

import json
from dataclasses import asdict
from pathlib import Path

from gliaflow.evaluation.leakage import ABOUT, measure_leakage
from tasks.settings import EvaluateSettings
from tasks.stage import stage
from tasks.tables import load


@stage(code=["gliaflow.evaluation.leakage"], libraries=["numpy", "pandas"])
def leakage(folder: Path, settings: EvaluateSettings, *, leaky: Path, grouped: Path) -> None:
    """Measure what leaks; leaves `leakage.json`.

    `leaky` is the evaluation under `slice`, `grouped` that of whole patients or the pool of all folds.
    """
    tables = (load(scores, "predictions") for scores in (leaky, grouped))
    found = measure_leakage(*tables, resamples=settings.resamples, seed=settings.seed)
    headline = asdict(found.headline)
    told = {name: headline[name] for name in ("slice", "patient", "gap")} | {"about": ABOUT}
    told |= {"name": found.headline.name, "others": [asdict(gap) for gap in found.others]}
    (folder / "leakage.json").write_text(json.dumps(told, indent=1, allow_nan=False), encoding="utf-8")
