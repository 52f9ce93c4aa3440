import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gliaflow.report.data import ReportData
from gliaflow.report.figures import draw_charts
from gliaflow.report.gallery import PictureSet
from gliaflow.report.page import render_page, write_report
from gliaflow.report.summary import summarise

SETS = ("samples", "prediction-grid", "median-patients", "worst-patients", "false-tumors")
VOID = {"meta", "img", "source", "wbr", "br"}


class Page(HTMLParser):
    """The page's elements as (tag, attributes, text) and its visible text; fails on tags that don't match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[tuple[str, list[str]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {[tag for tag, _ in self.open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        words: list[str] = []
        self.elements.append((tag, dict(attrs), words))
        if tag not in VOID:
            self.open.append((tag, words))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if {"style", "script"}.isdisjoint(tag for tag, _ in self.open):
            self.text += data
        for _, words in self.open:
            words.append(data)

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [
            (attributes, " ".join("".join(words).split())) for name, attributes, words in self.elements if name == tag
        ]


@pytest.fixture(scope="module")
def written(whole: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("report"), whole)


@pytest.fixture(scope="module")
def page(written: Path) -> Page:
    return Page(written.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def crossed_path(crossed: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("crossed"), crossed)


@pytest.fixture(scope="module")
def crossed_page(crossed_path: Path) -> Page:
    return Page(crossed_path.read_text(encoding="utf-8"))


def summary_of(path: Path) -> dict[str, Any]:
    return json.loads((path.parent / "summary.json").read_text(encoding="utf-8"))


def test_equal_data_give_equal_bytes_of_every_file(written: Path, whole: ReportData, tmp_path: Path) -> None:
    again = write_report(tmp_path / "new" / "folder", replace(whole, labels=whole.labels.copy()))
    names = sorted(path.relative_to(written.parent).as_posix() for path in written.parent.rglob("*") if path.is_file())
    assert names == sorted(
        path.relative_to(again.parent).as_posix() for path in again.parent.rglob("*") if path.is_file()
    )
    assert [name for name in names if (written.parent / name).read_bytes() != (again.parent / name).read_bytes()] == []


def test_the_page_needs_nothing_but_itself(written: Path, page: Page) -> None:
    addresses = [
        value
        for _, attributes, _ in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action", "poster")
    ]
    assert len(addresses) > 30
    assert [
        address[:40] for address in addresses if not re.match(r"data:image/(png|webp);base64,|#[a-z]+$", address)
    ] == []
    assert "url(" not in written.read_text(encoding="utf-8") and "@import" not in written.read_text(encoding="utf-8")
    assert written.stat().st_size < 4_000_000


def test_the_content_policy_admits_this_style_and_script_alone(page: Page) -> None:
    policy = next(attributes["content"] for attributes, _ in page.all("meta") if "http-equiv" in attributes)
    assert "default-src 'none'" in policy
    for tag in ("style", "script"):
        (source,) = ["".join(words) for name, _, words in page.elements if name == tag]
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not [
        tag
        for tag, attributes, _ in page.elements
        if "style" in attributes or any(a.startswith("on") for a in attributes)
    ]


def test_the_page_opens_with_title_verdict_and_notice(page: Page) -> None:
    assert page.all("h1")[0][1] == "made-up"
    opening = [(attributes.get("class"), text) for attributes, text in page.all("p")[:5]]
    assert opening[0] == ("notice", "Research use only. Not a medical device; not for diagnosis or treatment.")
    assert opening[2][0] == "verdict" and "mean Dice of 0.800 (95 % interval 0.700 to 0.900)" in opening[2][1]
    assert opening[3][0] == "caution" and "This split leaks" not in page.text
    terms, answers = ([text for _, text in page.all(tag)[:4]] for tag in ("dt", "dd"))
    assert terms == ["How good", "How sure", "On whom", "Protocol"]
    assert answers[0].startswith("Median volume Dice 0.937, the worst patient 0.824")
    assert "AUROC of 0.950" in answers[1] and "“unsure” of 20 % of the slices" in answers[1]
    assert answers[2] == "3 patients of 2 sites, 15 slices, 60 % of them with tumour."
    assert answers[3].startswith("“patient”: every patient's slices are in one part only")


def test_sections_stand_in_the_order_of_a_reader(page: Page) -> None:
    assert [text for _, text in page.all("h2")] == [
        "Results", "How sure it is", "Data", "Split and leak audit", "Samples", "Training", "Predictions",
        "Patient by patient", "Where it fails", "Provenance",
    ]  # fmt: skip
    anchors = {attributes["id"] for attributes, _ in page.all("section")}
    assert {attributes["href"] for attributes, _ in page.all("a")} == {f"#{anchor}" for anchor in anchors}


def test_pictures_have_texts_and_tables_captions_and_headings(page: Page) -> None:
    texts = [attributes["alt"] for attributes, _ in page.all("img")]
    assert all(text and len(text) > 10 for text in texts)
    assert "Bar chart: 18 slices without tumour, 27 with." in texts
    assert "Patient P_9, slice 5, 25 pixels marked." in texts
    assert len(page.all("caption")) == len(page.all("table")) and all(text for _, text in page.all("caption"))
    assert all(attributes.get("scope") in ("col", "row", "colgroup", "rowgroup") for attributes, _ in page.all("th"))
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {attributes["aria-labelledby"] for _, attributes, _ in page.elements if "aria-labelledby" in attributes}
    assert labelled <= set(ids)


def test_tables_and_figures_are_numbered_in_order(page: Page) -> None:
    tables = [text.split(".")[0] for _, text in page.all("caption") if text.startswith("Table")]
    assert tables == [f"Table {i}" for i in range(1, len(tables) + 1)] and len(tables) == 7
    figures = [text.split(".")[0] for _, text in page.all("figcaption")]
    assert figures == [f"Figure {i}" for i in range(1, 12)]


def test_the_grid_has_fifteen_rows_or_all_test_slices(page: Page, whole: ReportData) -> None:
    labels = [text for attributes, text in page.all("p") if attributes.get("class") == "label" and text]
    grid = [text for text in labels if re.search(r"slice \d+ ?(Dice \d|no tumour and)", text)]
    assert len(grid) == 15
    assert grid[0].endswith("Dice 1.000")


def test_numbers_of_the_tables_reach_the_page(page: Page) -> None:
    for text in (
        "0.75",
        "0.600 to 0.850",
        "1,941,105",
        "0.400 (102 of 255)",
        "a/x_2.tif: 0 of 90 bytes",
        "P_7",
        "epoch 4",
        "9 different",
        "4.1 to 9.0 px",
        "0.0020 to 0.0050",
        "fewer than 20 pixels",
        "“unsure” of 3 of 15 slices (20\u00a0%)",
        "below a probability of 0.080",
    ):
        assert text in page.text


def test_names_of_files_cannot_inject_markup(written: Path, page: Page) -> None:
    html = written.read_text(encoding="utf-8")
    assert "<b>bold</b>" not in html and "b/&lt;b&gt;bold&lt;/b&gt;_1.tif" in html
    assert "b/<b>bold</b>_1.tif" in page.text
    assert "Dice of <all> slices pooled" in page.text


def test_hostile_names_stay_text_everywhere(whole: ReportData, make, tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>'

    def renamed(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(patient=[evil + name for name in frame["patient"]])

    data = make(
        source=evil,
        labels=renamed(whole.labels).assign(site=evil),
        parts=renamed(whole.parts),
        predictions=renamed(whole.predictions).assign(site=evil),
        patients=renamed(whole.patients).assign(site=evil),
        protocol=evil,
        stages=[{"stage": evil, "key": evil, "parameters": {evil: evil}}],
        recipe={"name": evil},
        slice_of=lambda patient, number: whole.slice_of(patient[-3:], number),
    )
    path = write_report(tmp_path, data)
    page = Page(path.read_text(encoding="utf-8"))
    assert len(page.all("script")) == 1 and "alert" not in page.all("script")[0][1]
    assert page.text.count(evil) > 20
    assert "<script" not in summary_of(path)["markdown"]


def test_the_leaky_protocol_is_named_as_leaky(make) -> None:
    data = make(protocol="slice")
    page = Page(render_page(data, {}, dict.fromkeys(SETS, PictureSet("", (), 0, []))))
    cautions = [text for attributes, text in page.all("p") if attributes.get("class") == "caution"]
    assert cautions[0].startswith("Caution. This split leaks.")
    assert "This split leaks." in summarise(data, [])["markdown"]


def test_the_summary_is_ready_for_artifacts(written: Path) -> None:
    summary = summary_of(written)
    assert list(summary) == ["title", "markdown", "tables", "figures"]
    assert summary["title"] == "Segmentation report: made-up"
    assert "mean Dice of 0.800" in summary["markdown"] and "Research use only" in summary["markdown"]
    assert list(summary["tables"]) == ["metrics", "calls", "split", "patients-test", "rejects", "stages"]
    keys = [*summary["tables"], *(figure["key"] for figure in summary["figures"])]
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key) for key in keys) and len(keys) == len(set(keys))
    metrics = {row["metric"]: row["test"] for row in summary["tables"]["metrics"]}
    assert metrics["Volume Dice, mean"] == 0.8 and metrics["Specificity"] is None
    assert summary["tables"]["split"][2] == {
        "part": "test", "patients": 3, "slices": 15, "tumor_slices": 9, "share": 0.6, "sites": "CS 2, DU 1",
    }  # fmt: skip
    files = sorted(path.relative_to(written.parent).as_posix() for path in (written.parent / "figures").iterdir())
    assert sorted(figure["file"] for figure in summary["figures"]) == files and len(files) == 16
    for name in files:
        content = (written.parent / name).read_bytes()
        assert content.startswith(b"\x89PNG") and b"tEXt" not in content and b"tIME" not in content
        assert 512 <= int.from_bytes(content[16:20], "big") <= 1024


def test_a_cross_validation_is_told_by_fold_and_out_of_fold(crossed_page: Page) -> None:
    text = crossed_page.text
    assert "Over 9 patients, each scored by a network that never saw it, the predicted" in text
    assert "An ensemble of them was scored on no patient" in text
    assert "reaches the threshold of its fold" in text and "Test patients" not in text and "Validation" not in text
    heads = [head for _, head in crossed_page.all("h2")]
    assert "Folds and leak audit" in heads and "What leakage would add" in heads
    assert "What the warning was tried on" in text and "those of 12 training patients" in text
    anchors = {attributes["id"] for attributes, _ in crossed_page.all("section")}
    targets = {attributes["href"] for attributes, _ in crossed_page.all("a")}
    assert targets == {f"#{anchor}" for anchor in anchors} | {"../../audit/ab/audit.html"}
    captions = " ".join(caption for _, caption in crossed_page.all("figcaption"))
    assert "Learning curves of all folds" in captions and "hollow" not in captions


def test_a_cross_validation_gives_equal_bytes_and_its_own_artifacts(crossed: ReportData, crossed_path: Path) -> None:
    summary = summary_of(crossed_path)
    assert list(summary["tables"]) == ["metrics", "calls", "leakage", "folds", "patients-test", "rejects", "stages"]
    assert [row["threshold"] for row in summary["tables"]["folds"]] == [102 / 255, 103 / 255, 104 / 255]
    keys = [figure["key"] for figure in summary["figures"]]
    assert {"dice-by-fold", "leakage-gap", "roc-curve", "reliability-pixels"} <= set(keys)
    assert "threshold-curve" not in keys
    assert "## Folds" in summary["markdown"] and "what that way of testing adds" in summary["markdown"]
    assert "| Metric | Out of fold | 95 % interval | n |\n" in summary["markdown"]
    sets = dict.fromkeys(SETS, PictureSet("", (), 0, []))
    charts = draw_charts(crossed)
    assert render_page(crossed, charts, sets) == render_page(replace(crossed), draw_charts(crossed), sets)
    written = {path.stem: path.read_bytes() for path in (crossed_path.parent / "figures").iterdir()}
    assert [key for key, chart in charts.items() if written[key] != chart.light] == []


def test_figures_of_an_earlier_run_are_left_out_where_they_were_not_measured(make, whole: ReportData) -> None:
    bare = whole.predictions.drop(columns=["score", "call", "hd95", "nsd"])
    data = make(predictions=bare, patients=whole.patients.drop(columns=["hd95", "nsd"]), confidence=None)
    charts = draw_charts(data)
    assert not {"slices-by-call", "roc-curve", "reliability-slices", "reliability-pixels"} & set(charts)
    page = Page(render_page(data, charts, dict.fromkeys(SETS, PictureSet("", (), 0, []))))
    assert "How sure it is" not in page.text and "Surface Dice" not in page.text


def test_a_bare_run_still_gives_a_report(make, whole: ReportData, tmp_path: Path) -> None:
    """No rejects, history, clinical rows, metrics, manifest, val tumour; one test patient, without predictions."""
    labels = whole.labels.drop(columns=["gender", "age_at_initial_pathologic", "neoplasm_histologic_grade"])
    one = whole.predictions["patient"].isin(["P_4", "P_7"])
    val = whole.predictions["part"] == "val"
    counts = ["mask", "has_mask", "true_pixels", "predicted_pixels", "intersection"]
    predictions = whole.predictions[one].copy()
    predictions.loc[val[one], counts] = 0
    patients = whole.patients[whole.patients["patient"].isin(["P_4", "P_7"])].copy()
    patients.loc[patients["part"] == "val", ["dice", "iou", "mean_slice_dice"]] = float("nan")
    data = make(
        labels=labels,
        rejected=whole.rejected.iloc[:0],
        history=whole.history.iloc[:0],
        recipe={},
        metrics=[],
        predictions=predictions,
        patients=patients,
        stages=[],
        slice_of=lambda patient, number: (*whole.slice_of(patient, number)[:2], None),
        threshold_curve=None,
    )
    path = write_report(tmp_path, data)
    page = Page(path.read_text(encoding="utf-8"))
    for text in (
        "On 1 test patient the",
        "Only 1 test patient:",
        "No validation slice holds a tumour",
        "All 100 image and mask files could be used.",
        "There is no training history.",
        "There are no metrics.",
        "No run manifest came with this report.",
    ):
        assert text in page.text
    assert any("no prediction" in text for _, text in page.all("p"))
    keys = [figure["key"] for figure in summary_of(path)["figures"]]
    assert "learning-curve-loss" not in keys and "prediction-grid" in keys


def test_a_run_without_anything_still_gives_a_report(make, whole: ReportData, tmp_path: Path) -> None:
    nothing = {
        name: getattr(whole, name).iloc[:0]
        for name in ("labels", "rejected", "parts", "history", "predictions", "patients", "confidence")
    }
    path = write_report(tmp_path, make(**nothing, metrics=[], stages=[], files_seen=0, threshold_curve=[]))
    page = Page(path.read_text(encoding="utf-8"))
    assert "No test patient could be scored" in page.text and "No slice holds a tumour" in page.text
    assert [name for name, _, _ in page.elements].count("img") == 0
    assert summary_of(path)["figures"] == [] and summary_of(path)["tables"] == {}
