"""doctor.html: an examination as a page that stands by itself, in the style of the report."""

import base64
import hashlib
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gliaflow.inference.overlays import PREDICTED_COLOR, TRUE_COLOR
from gliaflow.ingest.doctor.findings import SEVERITIES, Examination
from gliaflow.ingest.doctor.pictures import draw_pictures
from gliaflow.ingest.doctor.text import case_line, printable
from gliaflow.report.themes import DARK, LIGHT

SHOWN = 6  # cases of a finding in sight
MOST = 500  # cases of a finding on the page; doctor.json has all


def render_page(examination: Examination, root: Path) -> str:
    """The page as HTML; every text of the data is escaped. Slices to be shown are read below `root`."""
    loader = ChoiceLoader(
        [PackageLoader("gliaflow.ingest.doctor", "template"), PackageLoader("gliaflow.report", "template")]
    )
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(printable=printable, case_line=case_line)
    style = environment.get_template("style.css.j2").render(
        light=LIGHT, dark=DARK, outlines=(TRUE_COLOR, PREDICTED_COLOR)
    )
    style += environment.get_template("doctor.css").render()
    return environment.get_template("doctor.html.j2").render(
        examination=examination,
        severities=SEVERITIES,
        pictures={finding.code: draw_pictures(root, examination.pairs, finding) for finding in examination.findings},
        shown=SHOWN,
        most=MOST,
        style=Markup(style),
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii"),
    )
