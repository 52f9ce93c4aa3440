"""The clinical table of the LGG data set: `data.csv`, one row a patient of TCGA, everything but age in codes."""

import pandas as pd
import pandera.pandas as pa

from gliaflow.ingest.clinical import CODES
from schemas.base import NO_SPACE, Table

NO_CODES = ("age_at_initial_pathologic", "death01")


class ClinicalCodes(Table):
    """The 17 columns beside Patient; each may be missing."""

    RNASeqCluster: float = pa.Field(nullable=True, coerce=True)
    MethylationCluster: float = pa.Field(nullable=True, coerce=True)
    miRNACluster: float = pa.Field(nullable=True, coerce=True)
    CNCluster: float = pa.Field(nullable=True, coerce=True)
    RPPACluster: float = pa.Field(nullable=True, coerce=True)
    OncosignCluster: float = pa.Field(nullable=True, coerce=True)
    COCCluster: float = pa.Field(nullable=True, coerce=True)
    histological_type: float = pa.Field(nullable=True, coerce=True)
    neoplasm_histologic_grade: float = pa.Field(nullable=True, coerce=True)
    tumor_tissue_site: float = pa.Field(nullable=True, coerce=True)
    laterality: float = pa.Field(nullable=True, coerce=True)
    tumor_location: float = pa.Field(nullable=True, coerce=True)
    gender: float = pa.Field(nullable=True, coerce=True)
    age_at_initial_pathologic: float = pa.Field(nullable=True, coerce=True, in_range={"min_value": 0, "max_value": 120})
    race: float = pa.Field(nullable=True, coerce=True)
    ethnicity: float = pa.Field(nullable=True, coerce=True)
    death01: float = pa.Field(nullable=True, coerce=True, isin=[0, 1])

    @pa.check(*(name for name in CODES if name not in NO_CODES), error="must be a code: a whole number from 1 to 99")
    def code(cls, column: pd.Series) -> pd.Series:
        return column.between(1, 99) & (column % 1 == 0)


class ClinicalTable(ClinicalCodes):
    """The 18 columns of data.csv, one row a patient."""

    Patient: str = pa.Field(unique=True, str_matches=NO_SPACE)

    @classmethod
    def remedy(cls) -> str:
        return "Correct these rows in data.csv, or take the file away: slices can be used without it."
