"""doctor.html: an examination as a page that stands by itself, in the style of the report."""

from pathlib import Path

from gliaflow.ingest.doctor.findings import SEVERITIES, Examination
from gliaflow.ingest.doctor.pictures import draw_pictures
from gliaflow.ingest.doctor.text import case_line, printable
from gliaflow.report.frame import open_templates, render_style

SHOWN = 6  # cases of a finding in sight
MOST = 500  # cases of a finding on the page; doctor.json has all


def render_page(examination: Examination, root: Path) -> str:
    """The page as HTML; every text of the data is escaped. Slices to be shown are read below `root`."""
    environment = open_templates({"printable": printable, "case_line": case_line}, "gliaflow.ingest.doctor")
    return environment.get_template("doctor.html.j2").render(
        examination=examination,
        severities=SEVERITIES,
        pictures={finding.code: draw_pictures(root, examination.pairs, finding) for finding in examination.findings},
        shown=SHOWN,
        most=MOST,
        **render_style(environment, "doctor.css"),
    )
