"""Made-up clinical rows with the columns, codes and gaps of kaggle_3m's data.csv."""

import numpy as np

# Column: share of rows with an empty field, and how often each code (1, 2, …; death01 from 0) occurs, after kaggle_3m.
CODES: dict[str, tuple[float, tuple[int, ...]]] = {
    "RNASeqCluster": (0.16, (25, 28, 12, 27)),
    "MethylationCluster": (0.01, (4, 13, 34, 21, 37)),
    "miRNACluster": (0, (33, 62, 8, 7)),
    "CNCluster": (0.02, (59, 20, 29)),
    "RPPACluster": (0.11, (27, 31, 17, 23)),
    "OncosignCluster": (0.05, (29, 58, 18)),
    "COCCluster": (0, (56, 24, 30)),
    "histological_type": (0.01, (33, 29, 47)),
    "neoplasm_histologic_grade": (0.01, (51, 58)),
    "tumor_tissue_site": (0.01, (1,)),
    "laterality": (0.01, (53, 2, 54)),
    "tumor_location": (0.01, (1, 63, 0, 1, 12, 32)),
    "gender": (0.01, (56, 53)),
    "age_at_initial_pathologic": (0.01, ()),
    "race": (0.02, (0, 10, 98)),
    "ethnicity": (0.07, (3, 99)),
    "death01": (0.01, (82, 27)),
}
HEADER = ",".join(["Patient", *CODES])


def draw_row(case: str, number: int, seed: int) -> str:
    """The row of data.csv, without its line end, of patient `number` of the phantom `seed`; `case` is its key."""
    rng = np.random.default_rng([seed, number, len(CODES)])
    fields = [case]
    for column, (empty, weights) in CODES.items():
        missing = rng.random() < empty
        if column == "age_at_initial_pathologic":
            value = int(np.clip(rng.normal(46, 14), 20, 75))
        else:
            value = int(rng.choice(len(weights), p=np.array(weights) / sum(weights))) + (column != "death01")
        fields.append("" if missing else str(value))
    return ",".join(fields)
