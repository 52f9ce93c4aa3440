"""The table of a release."""

import pandas as pd
import pandera.pandas as pa

from schemas.base import TEXT, Table


class FamiliarityTable(Table):
    """release: one row a held-out patient and kind of input that its slices were made into ("as it is" among them).

    `distance` is missing where nothing could be measured, and `odd` names what is unlike training, if anything is.
    """

    patient: str = pa.Field(str_matches=TEXT)
    input: str = pa.Field(str_matches=TEXT)
    distance: float = pa.Field(nullable=True, ge=0)
    warned: bool
    odd: str

    class Config:
        unique = ["patient", "input"]

    @pa.dataframe_check(error="odd must be empty exactly where there is no warning")
    def reasoned(cls, frame: pd.DataFrame) -> pd.Series:
        return (frame["odd"] == "") == ~frame["warned"]
