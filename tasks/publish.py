"""Show a report on the flow run's page: markdown, tables and pictures as Prefect artifacts."""

import json
from pathlib import Path

import cv2
from prefect import task
from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact

from gliaflow.report.pictures import webp_address
from gliaflow.store.artifacts import Artifact
from gliaflow.store.shared import open_store
from tasks.retries import PUBLISHING

WIDTH = 512  # pixels; pictures live in Prefect's database, so they are small there and whole in the report
PAGE_ALONE = {
    "samples",
    "slices-by-site",
    "learning-curve-loss",
    "dice-by-size",
    "reliability-pixels",
    "median-patients",
}
"""Figures that stay in the report: a run's page shows what tells how it went, and every run adds its own."""


@task(name="publish", task_run_name="publish", **PUBLISHING)
def publish(address: str, report: dict[str, str]) -> None:
    """Publish a report of the store at `address`; pictures travel as data URIs: the dashboard can't read the store."""
    store, page = open_store(address), Artifact(**report)
    folder, place = store.folder(page), store.place(f"{page.path}/report.html")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    create_markdown_artifact(key="report", markdown=summary["markdown"], description=place)
    for key, rows in summary["tables"].items():
        create_table_artifact(key=key, table=rows)
    for figure in summary["figures"]:
        if figure["key"] in PAGE_ALONE:
            continue
        create_image_artifact(_data_uri(folder / figure["file"]), key=figure["key"], description=figure["caption"])


def _data_uri(path: Path) -> str:
    """The picture, no wider than WIDTH, as a data: address."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert picture is not None, f"the report names {path.name}, which is no picture"
    height, width = picture.shape[:2]
    if width > WIDTH:
        picture = cv2.resize(picture, (WIDTH, round(height * WIDTH / width)), interpolation=cv2.INTER_AREA)
    return webp_address(picture[..., ::-1])  # BGR -> RGB
