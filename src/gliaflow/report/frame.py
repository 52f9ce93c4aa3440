"""What every page stands in: templates, one style in light and dark, and their place in the security policy.

A page needs nothing but itself: its style and its few lines of script are inline, and the policy names their digests.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gliaflow.inference.overlays import PREDICTED_COLOR, TRUE_COLOR
from gliaflow.report.themes import DARK, LIGHT

PACKAGE = "gliaflow.report"


def open_templates(filters: Mapping[str, Callable[..., Any]], package: str = PACKAGE) -> Environment:
    """The templates of `package` and, behind them, those of the report; every text that they show is escaped."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name, "template") for name in dict.fromkeys((package, PACKAGE))]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters)
    return environment


def render_style(environment: Environment, *more: str) -> dict[str, str]:
    """`style` and `style_digest` of a page: the common style, and the templates `more`."""
    style = environment.get_template("style.css.j2").render(
        light=LIGHT, dark=DARK, outlines=(TRUE_COLOR, PREDICTED_COLOR)
    )
    style += "".join(environment.get_template(name).render() for name in more)
    return {"style": Markup(style), "style_digest": digest(style)}


def digest(text: str) -> str:
    """What a page's content security policy names an inline style or script by."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
