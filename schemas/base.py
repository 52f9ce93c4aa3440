"""What all tables share: strict columns, plain types, and the vocabulary that recurs in them."""

import pandas as pd
import pandera.pandas as pa

TEXT = r"(?s)^.+$"
SHA256 = r"^[0-9a-f]{64}$"
PHASH = r"^[0-9a-f]{16}$"
NO_SPACE = r"^\S+$"
PATTERNS = {  # in words
    TEXT: "must not be empty",
    SHA256: "must be 64 hexadecimal digits",
    PHASH: "must be 16 hexadecimal digits",
    NO_SPACE: "must be one word",
}
PARTS = ["train", "val", "test"]


class Table(pa.DataFrameModel):
    """A table that crosses a task boundary: these columns only; types are coerced only where harmless."""

    class Config:
        strict = True

    @classmethod
    def remedy(cls) -> str:
        """What to do when a table breaks these rules."""
        return "Gliaflow made this table: it was altered on disk, or this is a defect. Run again, then report it."


def in_order(frame: pd.DataFrame, *keys: str) -> pd.Series:
    """Whether each row comes after the one before it, by `keys` (texts by code point; repeats pass)."""
    before = frame[list(keys)].shift(1)
    ok = pd.Series(True, index=frame.index)
    tied = pd.Series(True, index=frame.index)
    for key in keys:
        ok &= ~(tied & (frame[key] < before[key])).fillna(False).astype(bool)
        tied &= (frame[key] == before[key]).fillna(False).astype(bool)
    return ok
