"""What the data are (patients, slices, sites, sequences, clinical facts), how they were split and what leaks."""

import pandas as pd

from gliaflow.report.data import ReportData
from gliaflow.report.tables import Column, Table, join, plural

PARTS = ("train", "val", "test")
SEQUENCES = {"pre": "pre-contrast", "post": "post-contrast"}
CODED = {"gender": "Gender", "neoplasm_histologic_grade": "Tumour grade"}  # data.csv comes without a key to its codes


def facts(data: ReportData) -> list[tuple[str, str]]:
    """What the data are, as (term, description) pairs."""
    labels = data.labels
    if labels.empty:
        return [("Patients", "none")]
    tumor = labels["has_tumor"].astype(bool)
    with_tumor = labels.loc[tumor, "patient"].nunique()
    patients = labels["patient"].nunique()
    said = [
        (
            "Patients",
            f"{patients:,}, {with_tumor:,} of them with tumour"
            if with_tumor < patients
            else f"{patients:,}, all with tumour",
        ),
        ("Slices", f"{len(labels):,}, {_share(int(tumor.sum()), len(labels))} with tumour"),
        ("Tumour pixels", _tumor_pixels(labels)),
        ("Sites", _counted(labels.groupby("site")["patient"].nunique())),
        ("Original size", _sizes(labels)),
        ("Missing sequences", _missing(labels)),
    ]
    return said + clinical_facts(labels)


def clinical_facts(labels: pd.DataFrame) -> list[tuple[str, str]]:
    """Gender, age and grade, one value a patient; only what is known, with how many patients it is known of."""
    patients = labels.drop_duplicates("patient")
    said = []
    for column, term in CODED.items():
        values = _known(patients, column)
        if len(values):
            counts = values.map(lambda code: f"code {code:g}:").value_counts()
            said.append((term, _counted(counts) + _of(len(values), len(patients))))
    ages = _known(patients, "age_at_initial_pathologic")
    if len(ages):
        years = (
            f"median {ages.median():.0f} years, {ages.min():.0f} to {ages.max():.0f}"
            if len(ages) > 1
            else f"{ages.iloc[0]:.0f} years"
        )
        said.insert(1 if said else 0, ("Age at diagnosis", years + _of(len(ages), len(patients))))
    return said


def split_table(data: ReportData) -> Table:
    """Patients, slices and tumour slices of each part, with its sites."""
    frame = data.parts.merge(
        data.labels[["patient", "slice", "site", "has_tumor"]], on=["patient", "slice"], how="left"
    )
    rows = []
    present = [part for part in PARTS if (frame["part"] == part).any()]
    for part in present + sorted(set(frame["part"]) - set(PARTS)):
        own = frame[frame["part"] == part]
        tumor = int(own["has_tumor"].eq(True).sum())
        rows.append(
            {
                "part": {"train": "training", "val": "validation"}.get(part, part),
                "patients": own["patient"].nunique(),
                "slices": len(own),
                "tumor_slices": tumor,
                "share": tumor / len(own),
                "sites": _counted(own.groupby("site")["patient"].nunique()),
            }
        )
    columns = [
        Column("part", "Part"),
        Column("patients", "Patients", "count"),
        Column("slices", "Slices", "count"),
        Column("tumor_slices", "With tumour", "count"),
        Column("share", "Share", "share"),
        Column("sites", "Patients by site"),
    ]
    return Table("split", f"The split (protocol “{data.protocol}”).", columns, rows)


def leak_table(leaks: pd.DataFrame) -> Table:
    """How many leaks of each kind lie between which parts, with the closest pair as an example."""
    rows = []
    ordered = leaks.sort_values(["similarity", "patient_a", "patient_b"], ascending=[False, True, True], kind="stable")
    for (kind, part_a, part_b), own in ordered.groupby(["kind", "part_a", "part_b"], sort=True):
        first = own.iloc[0]
        names = {
            "patient": "same patient in both",
            "exact": "identical slices",
            "near": "nearly identical slices",
        }
        rows.append(
            {
                "kind": names.get(str(kind), str(kind)),
                "between": f"{part_a} and {part_b}",
                "count": len(own),
                "similarity": first["similarity"],
                "example": f"{_place(first, 'a')} and {_place(first, 'b')}",
            }
        )
    columns = [
        Column("kind", "Leak"),
        Column("between", "Between"),
        Column("count", "Count", "count"),
        Column("similarity", "Greatest similarity", "score"),
        Column("example", "Example"),
    ]
    return Table("leaks", "Leaks between the parts of the split.", columns, rows)


def _place(leak: pd.Series, side: str) -> str:
    number = leak[f"slice_{side}"]
    return f"{leak[f'patient_{side}']}" + ("" if pd.isna(number) else f" slice {int(number)}")


def _known(patients: pd.DataFrame, column: str) -> pd.Series:
    if column not in patients:
        return pd.Series(dtype="float64")
    return pd.to_numeric(patients[column], errors="coerce").dropna()


def _of(known: int, patients: int) -> str:
    return "" if known == patients else f" (known of {known:,} of {patients:,})"


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({100 * part / whole:.0f} %)"


def _counted(counts: pd.Series, most: int = 8) -> str:
    """`DU 24, HT 18, CS 9`: most frequent first, the rest summed up."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    said = [f"{name} {count:,}" for name, count in ordered[:most]]
    if len(ordered) > most:
        said.append(f"{len(ordered) - most} others {sum(count for _, count in ordered[most:]):,}")
    return ", ".join(said)


def _sizes(labels: pd.DataFrame) -> str:
    sizes = labels.groupby(["height", "width"]).size()
    named = pd.Series(sizes.to_numpy(), index=[f"{height} × {width}" for height, width in sizes.index])
    return f"{named.index[0]} pixels" if len(named) == 1 else _counted(named, most=4) + " slices"


def _missing(labels: pd.DataFrame) -> str:
    absent = labels.assign(missing=labels["missing"].fillna("").astype(str))
    absent = absent[absent["missing"] != ""]
    said = []
    for code, name in SEQUENCES.items():
        patients = absent.loc[[code in codes.split(",") for codes in absent["missing"]], "patient"].nunique()
        if patients:
            said.append(f"{name} in {plural(patients, 'patient')}")
    return f"{join(said)} (there a copy of FLAIR stands in)" if said else "none"


def _tumor_pixels(labels: pd.DataFrame) -> str:
    brain, tumor = int(labels["brain_pixels"].sum()), int(labels["tumor_pixels"].sum())
    share = f"{100 * tumor / brain:.2f} % of the pixels that are not black" if brain else f"{tumor:,}"
    median = labels.loc[labels["tumor_pixels"] > 0, "tumor_pixels"].median()
    return share if pd.isna(median) else f"{share}; median {median:,.0f} in a tumour slice"
