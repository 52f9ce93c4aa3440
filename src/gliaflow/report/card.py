"""The model card: what a released model is, what it was made from, how good it is, and what it is not for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from gliaflow.inference.bundle import Bundle
from gliaflow.report import card_words
from gliaflow.report.measures import interval_of, measure_of, written
from gliaflow.report.provenance import recipe_table
from gliaflow.report.tables import Column, Table, markdown_text, plural, rows_of

PARTS = {"train": "training", "val": "validation", "test": "test"}


@dataclass(frozen=True, eq=False)
class CardData:
    """All that a card tells; equal data give equal bytes, so no time, host or absolute path belongs here.

    bundle      : what is released
    source      : name of the data
    protocol    : patient, crossval, site or slice
    labels      : labelled slice table of all patients
    parts       : split tables, one a member
    parameters  : number of a member's parameters
    thresholds  : what each member's val chose, in the members' order
    metrics     : one mapping a metric and part: name, value, low, high, n, unit, part, about
    familiarity : the figures of `gliaflow.inference.foreign.summarise_trial`
    """

    bundle: Bundle
    source: str
    protocol: str
    labels: pd.DataFrame
    parts: Sequence[pd.DataFrame]
    parameters: int
    thresholds: Sequence[int]
    metrics: Sequence[Mapping[str, Any]]
    familiarity: pd.DataFrame


def render_card(data: CardData) -> str:
    """The card in GitHub's markdown; texts of the data can't break out of their places."""
    environment = Environment(
        loader=PackageLoader("gliaflow.report", "template"),
        autoescape=False,  # markdown: what comes from the data goes through markdown_text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    bundle, labels = data.bundle, data.labels
    origin = card_words.origin_of(labels["patient"].unique().tolist())
    tested = any(metric["part"] == "test" for metric in data.metrics)
    tried = bundle.familiarity.limit is not None and not data.familiarity.empty
    return environment.get_template("card.md.j2").render(
        bundle=bundle,
        fold_thresholds=", ".join(map(str, data.thresholds)),
        member_table=_member_table(bundle),
        data_sentence=_data_sentence(data),
        site_table=_count_table("site", "Site", labels.sort_values("site", kind="stable")),
        missing_sentence=card_words.missing_sentence(labels),
        licence=card_words.LICENCES[origin],
        protocol_sentence=card_words.protocol_sentence(data.protocol, len(bundle.members)),
        part_table=_part_table(data),
        figures_sentence=card_words.figures_sentence(data.protocol, len(bundle.members), tested),
        figure_table=_figure_table(data.metrics),
        detection_sentences=card_words.detection_sentences(
            bundle.detection, data.metrics, len(bundle.members), leaky=data.protocol == "slice"
        ),
        familiarity_sentence=card_words.familiarity_sentence(bundle.familiarity, len(bundle.members), tried),
        familiarity_table=_familiarity_table(data.familiarity) if tried else "",
        recipe_table=recipe_table(bundle.recipe).markdown(),
        parameters=data.parameters,
        limits=card_words.limits(labels, origin),
    )


def _member_table(bundle: Bundle) -> str:
    rows = [{"file": member.file, "sha256": member.sha256} for member in bundle.members]
    return Table("members", "", [Column("file", "File"), Column("sha256", "sha256")], rows).markdown()


def _data_sentence(data: CardData) -> str:
    labels = data.labels
    return (
        f"{markdown_text(data.source)}: {plural(labels['patient'].nunique(), 'patient')} of "
        f"{plural(labels['site'].nunique(), 'site')}, {plural(len(labels), 'slice')}, "
        f"{int(labels['has_tumor'].sum()):,} of them with tumour."
    )


def _count_table(name: str, label: str, slices: pd.DataFrame) -> str:
    """Patients, slices and tumour slices by a column of the slice table, in its order."""
    counted = slices.groupby(name, sort=False).agg(
        patients=("patient", "nunique"), slices=("slice", "size"), tumor=("has_tumor", "sum")
    )
    columns = [Column(name, label), Column("patients", "Patients", "count"), Column("slices", "Slices", "count")]
    columns.append(Column("tumor", "With tumour", "count"))
    return Table(name, "", columns, rows_of(counted.reset_index())).markdown()


def _part_table(data: CardData) -> str:
    """Patients and slices of each part, fold by fold where there are several."""
    listed = []
    for number, parts in enumerate(data.parts):
        slices = parts[["patient", "slice", "part"]].merge(data.labels, on=["patient", "slice"], validate="one_to_one")
        fold = f"fold {number}, " if len(data.parts) > 1 else ""
        listed += [slices[slices["part"] == part].assign(part=fold + words) for part, words in PARTS.items()]
    return _count_table("part", "Part", pd.concat(listed))


def _figure_table(metrics: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for metric in (metric for metric in metrics if metric["part"] == "test"):
        measure = measure_of(metric["name"])
        texts = {"value": written(metric["value"], measure.kind), "range": interval_of(metric, measure.kind)}
        rows.append({**metric, **texts, "name": measure.words})
    columns = [Column("name", "Figure"), Column("value", "Value"), Column("range", "95 % interval")]
    columns += [Column("n", "n", "count"), Column("unit", "of"), Column("about", "Definition")]
    return Table("figures", "", columns, rows).markdown()


def _familiarity_table(figures: pd.DataFrame) -> str:
    columns = [Column("input", "Input"), Column("warned", "With a warning", "share"), Column("volumes", "n", "count")]
    return Table("familiarity", "", columns, rows_of(figures)).markdown()
