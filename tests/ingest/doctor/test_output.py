"""What is printed and written: JSON for machines, text for a terminal, a page that stands by itself."""

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from gliaflow import __version__
from gliaflow.ingest.doctor import Case, Examination, Finding, examine
from gliaflow.ingest.doctor.page import MOST, SHOWN, render_page
from gliaflow.ingest.doctor.pictures import MOST as MOST_PICTURES
from gliaflow.ingest.doctor.pictures import draw_pictures
from gliaflow.ingest.doctor.record import SCHEMA_VERSION, to_json
from gliaflow.ingest.doctor.text import MOST_CASES, printable, summary_line, to_text

HOSTILE = "<script>alert(1)</script>\u202e\x1b[2J\n\"'&.tif"


def finding(cases: Sequence[Case], code: str = "odd_name", severity: str = "rejected") -> Finding:
    return Finding(code, severity, "file", "A title", "A rule.", "An action.", "A remedy.", cases)  # type: ignore[arg-type]


def examination(*findings: Finding, source: str = "data") -> Examination:
    return Examination(source, findings, 1234, 3, 40, 20, 7, pd.DataFrame(columns=["patient", "slice"]))


class Reader(HTMLParser):
    """Tags, addresses and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href", "srcset", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_json_holds_everything_in_a_stable_form() -> None:
    cases = [Case(f"found {n}", path=f"p{n}") for n in range(50)]
    pair = Case("alike", patient="A", slice=1, beside_patient="B", beside_slice=2)
    made = examination(finding(cases), finding([pair, Case("all")], code="near", severity="warning"))
    record = json.loads(to_json(made))
    assert to_json(made) == to_json(made)
    assert record["schema_version"] == SCHEMA_VERSION == 1
    assert (record["gliaflow"], record["verdict"], record["exit_status"]) == (__version__, "findings", 1)
    assert record["counts"] == {"files": 1234, "patients": 3, "slices": 40, "tumor_slices": 20, "rejected": 7}
    first, second = record["findings"]
    assert {
        name: first[name] for name in ("code", "severity", "unit", "count", "title", "what", "action", "remedy")
    } == {
        "code": "odd_name",
        "severity": "rejected",
        "unit": "file",
        "count": 50,
        "title": "A title",
        "what": "A rule.",
        "action": "An action.",
        "remedy": "A remedy.",
    }
    assert len(first["cases"]) == 50 and first["cases"][0] == {"path": "p0", "found": "found 0"}
    assert second["cases"] == [
        {"patient": "A", "slice": 1, "beside": {"patient": "B", "slice": 2}, "found": "alike"},
        {"found": "all"},
    ]


def test_json_of_a_real_examination_has_no_numpy_in_it(kaggle) -> None:
    root = kaggle(6)
    home = root / "TCGA_CS_0001_20000101"
    tifffile.imwrite(home / f"{home.name}_1_mask.tif", np.full((32, 32), 255, np.uint8))
    record = json.loads(to_json(examine(root)))
    assert {case["slice"] for found in record["findings"] for case in found["cases"] if "slice" in case} == {1}
    assert str(root) not in to_json(examine(root)).decode()


def test_text_counts_first_and_shows_a_few_cases() -> None:
    cases = [Case("a text that goes on and on " * 6, path=f"folder/file_{n}.tif") for n in range(5)]
    text = to_text(examination(finding(cases), finding([Case(path="x")], severity="note")))
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "REJECTED: left out, the run goes on with the rest" in lines
    assert "  5 files: A title" in lines
    assert lines.index("  5 files: A title") < lines.index("NOTE: nothing needs doing")
    assert [line for line in lines if "An action." in line] == ["    Gliaflow: An action."] * 2
    assert text.count("folder/file_") == MOST_CASES
    assert "    - and 2 more" in lines
    assert text.startswith("data: A run would go through: it leaves out 7 files.\n")


def test_summary_line() -> None:
    assert summary_line(examination(), 2.345) == (
        "3 patients, 40 pairs, 20 tumour slices, 7 files rejected of 1,234, 2.3 s"
    )


def test_hostile_names_are_harmless_in_a_terminal() -> None:
    text = to_text(examination(finding([Case(path=HOSTILE)]), source=HOSTILE))
    assert "\x1b" not in text and "\u202e" not in text
    assert printable("a\nb\u202e") == "a\\nb\\u202e"
    assert printable("Grüße, Übergröße 脳") == "Grüße, Übergröße 脳"


def test_hostile_names_are_harmless_on_the_page() -> None:
    made = examination(
        finding([Case(HOSTILE, path=HOSTILE)]),
        finding([Case(HOSTILE, patient=HOSTILE, slice=1)], code="mask_at_border", severity="warning"),
        source=HOSTILE,
    )
    page = render_page(made, Path("/nowhere"))
    read = Reader(page)
    assert "script" not in read.tags and "img" not in read.tags
    assert "<script>alert(1)</script>\\u202e\\x1b[2J\\n\"'&.tif" in read.text
    assert "\x1b" not in page and "\u202e" not in page


def test_the_page_stands_by_itself(kaggle) -> None:
    root = kaggle(6)
    home = root / "TCGA_CS_0001_20000101"
    for number in (1, 2, 3, 4):
        tifffile.imwrite(home / f"{home.name}_{number}_mask.tif", np.full((32, 32), 255, np.uint8))
    page = render_page(examine(root), root)
    read = Reader(page)
    assert all(address.startswith(("data:image/webp;base64,", "#")) for address in read.addresses)
    assert sum(address.startswith("data:") for address in read.addresses) >= MOST_PICTURES
    assert "http" not in page.replace('http-equiv="', "").split("</style>")[1]
    assert "prefers-color-scheme: dark" in page and "default-src 'none'" in page
    assert "Mask touches the border of the image" in read.text and "4 slices" in read.text
    assert "Uses the mask as it is." in read.text
    assert render_page(examine(root), root) == page
    anchors = {address[1:] for address in read.addresses if address.startswith("#")}
    assert anchors == set(re.findall(r'<article class="finding" id="([^"]+)"', page))


def test_the_page_shows_a_bounded_number_of_cases() -> None:
    page = render_page(examination(finding([Case(path=f"file_{n}.tif") for n in range(MOST + 50)])), Path("/nowhere"))
    assert page.count("<li>") == MOST
    assert f"<summary>{MOST + 50 - SHOWN} more</summary>" in page
    assert "The others are in doctor.json." in page


def test_a_sound_page_says_so() -> None:
    page = Reader(render_page(examination(), Path("/nowhere")))
    assert "Nothing is wrong with this data set." in page.text and "table" not in page.tags


@pytest.mark.parametrize(
    ("code", "size"),
    [
        ("mask_at_border", (388, 192)),
        ("channel_order", (392, 128)),
        ("repeated_slice", (388, 192)),
        ("intensity_outlier", (392, 260)),
    ],
)
def test_pictures_are_small_and_few(kaggle, code: str, size: tuple[int, int]) -> None:
    root = kaggle(5)
    made = examine(root)
    names = sorted(set(made.pairs["patient"]))
    cases = [
        Case(patient=name, slice=slice, beside_patient=names[0], beside_slice=4) for name in names for slice in (2, 3)
    ]
    pictures = draw_pictures(root, made.pairs, finding(cases, code=code))
    assert [(picture.case.patient, picture.case.slice) for picture in pictures] == [(name, 2) for name in names[:3]]
    assert {(picture.width, picture.height) for picture in pictures} == {size}
    assert all(len(picture.src) < 60_000 for picture in pictures)


def test_what_can_not_be_shown_is_left_out(kaggle) -> None:
    root = kaggle(3)
    made = examine(root)
    name = made.pairs["patient"][0]
    (root / made.pairs["image_path"][0]).unlink()
    assert draw_pictures(root, made.pairs, finding([Case(patient=name, slice=1)], code="mask_at_border")) == []
    assert draw_pictures(root, made.pairs, finding([Case(patient="nobody", slice=1)], code="mask_at_border")) == []
    assert draw_pictures(root, made.pairs, finding([Case(patient=name, slice=2)], code="odd_name")) == []
