"""What lies in the page's folder."""

import json
import re
from pathlib import Path

import pytest

from gliaflow.ingest.readers import read_image

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "src" / "gliaflow" / "web" / "page"
BYTES = 700_000  # the page is copied into every wheel, and sent to phones
SOURCES = sorted(path for path in PAGE.iterdir() if path.suffix in {".html", ".css", ".js", ".svg"})


def test_the_page_is_small() -> None:
    built = PAGE / "niivue"  # by `make niivue`; in no wheel unless it was run
    assert sum(path.stat().st_size for path in PAGE.rglob("*") if path.is_file() and built not in path.parents) < BYTES


def test_samples_are_what_their_list_says() -> None:
    samples = json.loads((PAGE / "samples" / "samples.json").read_text())
    assert [set(sample) for sample in samples] == [{"name", "about"}] * len(samples)
    names = {sample["name"] for sample in samples}
    assert {path.name for path in (PAGE / "samples").iterdir() if path.is_file()} == {
        *names,
        "samples.json",
        "LICENSE.txt",
    }
    assert {path.stem for path in (PAGE / "samples" / "small").iterdir()} == {name.split(".")[0] for name in names}
    for name in names - {"head.nii.gz"}:
        assert read_image(PAGE / "samples" / name).shape == (256, 256, 3)
    assert "Montreal Neurological Institute" in (PAGE / "samples" / "LICENSE.txt").read_text()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_sources_name_nothing_outside_and_nothing_inline(path: Path) -> None:
    """Beside what the browser tests see loaded: no address of another host, no style or script in markup."""
    text = path.read_text()
    addresses = re.findall(r"(?:https?:)?//[\w-]+\.[\w./-]+", text)
    assert [address for address in addresses if address != "http://www.w3.org/2000/svg"] == []
    assert (
        re.findall(r"\sstyle=|\son\w+=\"|<style|<script>|innerHTML|outerHTML|insertAdjacentHTML|\beval\(", text) == []
    )
