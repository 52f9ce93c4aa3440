"""Stage `verdict`: the recipe that a search found against the default, on patients that the search never saw."""

import json
from dataclasses import asdict
from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from gliaflow.evaluation.compare import compare_patients
from gliaflow.report.tuning import TuningData, change_table, course, render_page, score_table, verdict_of
from gliaflow.store.artifacts import Artifact
from gliaflow.store.shared import open_store
from tasks.retries import PUBLISHING
from tasks.settings import EvaluateSettings
from tasks.stage import stage
from tasks.tables import load


class VerdictSettings(EvaluateSettings):
    """What the page is told about the run, and how its interval is made."""

    source: str


@stage(
    code=["gliaflow.report.tuning", "gliaflow.evaluation.compare"],
    libraries=["jinja2", "matplotlib", "numpy", "pandas", "scipy"],
)
def verdict(
    folder: Path,
    settings: VerdictSettings,
    *,
    outcome: Path,
    default_model: Path,
    default_scores: Path,
    tuned_model: Path,
    tuned_scores: Path,
) -> None:
    """Write `tune.html`, `comparison.json` (A: the default, B: the recipe found), `summary.json` for the dashboard."""
    models = {"default": default_model, "tuned": tuned_model}
    summaries = {name: json.loads((path / "summary.json").read_text(encoding="utf-8")) for name, path in models.items()}
    tested = [load(path, "patients").query("part == 'test'") for path in (default_scores, tuned_scores)]
    compared = compare_patients(*tested, resamples=settings.resamples, seed=settings.seed)
    data = TuningData(
        source=settings.source,
        facts=json.loads((outcome / "tune.json").read_text(encoding="utf-8")),
        trials=load(outcome, "trials"),
        curves=load(outcome, "curves"),
        recipes={name: summary["recipe"] for name, summary in summaries.items()},
        val={name: summary["best"]["val_dice"] for name, summary in summaries.items()},
        compared=compared,
    )
    (folder / "tune.html").write_text(render_page(data), encoding="utf-8")
    comparison = {**asdict(compared), "patients": compared.patients.to_dict("records"), "val": data.val}
    (folder / "comparison.json").write_text(json.dumps(comparison, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    summary = {
        "markdown": f"{verdict_of(data)}\n\n{course(data)}",
        "tables": {"tuning-scores": score_table(data).plain(), "tuning-changes": change_table(data).plain()},
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")


@task(name="publish", task_run_name="publish", **PUBLISHING)
def publish_verdict(address: str, page: dict[str, str], recipe: str) -> None:
    """Show the verdict on the flow run's page, with where `recipe` lies."""
    store, artifact = open_store(address), Artifact(**page)
    summary = json.loads((store.folder(artifact) / "summary.json").read_text(encoding="utf-8"))
    markdown = f"{summary['markdown']}\n\nThe recipe found: `python -m flows train --recipe {recipe}`"
    create_markdown_artifact(key="tuning", markdown=markdown, description=store.place(f"{artifact.path}/tune.html"))
    for key, rows in summary["tables"].items():
        create_table_artifact(key=key, table=rows)
