"""Which MRI sequence a file holds, by the end of its name: pre-contrast, FLAIR, post-contrast, a mask, or another.

What is known, whatever the case, after `_`, `-`, `.` or a blank, or as the whole name:

- FLAIR        : flair, t2f, t2flair
- pre-contrast : pre, t1, t1n, t1w, t1pre
- post-contrast: post, t1ce, t1c, t1gd, t1post, t1contrast, gd, ce-gadolinium_t1w (and other agents)
- a mask       : seg, mask, label, tumor_segmentation, segmentation, roi, GlistrBoost, GlistrBoost_ManuallyCorrected
- another      : t2, t2w, swi, dwi, adc, asl, pd, fa, md, bias, brain_segmentation, brain_mask and their like

These are the names of BraTS (2018 to 2021: `_flair _t1 _t1ce _t2 _seg`; 2023 and later: `-t2f -t1n -t1c -t2w -seg`),
of BraTS-TCGA, UCSF-PDGM and BIDS. Letters before them are the case: files of one folder and one case belong together.
"""

import re
from typing import Literal, NamedTuple

Sequence = Literal["pre", "flair", "post", "mask", "other"]
CORRECTED = "manuallycorrected"  # of two masks of a case the one that a person went over

_START = r"(?:^|[_\-. ]+)"
_ENDINGS: tuple[tuple[Sequence, str], ...] = (  # in this order: "brain_segmentation" before "segmentation"
    (
        "other",
        r"(?:t2w?|swi|dwi|adc|asl|pd|fa|md|dti|dti[_-].*|eddy.*|trace|mra|"
        r"(?:flair|t1|t1c|t1ce|t2|swi|dwi|adc|asl)[_-]bias|"
        r"brain[_-](?:parenchyma[_-])?(?:segmentation|mask|seg)|brainmask)",
    ),
    ("mask", r"(?:glistrboost[_-]manuallycorrected|glistrboost|tumou?r[_-](?:segmentation|seg|mask)|segmentation|seg"
             r"|masks?|labels?|roi|lesions?)"),
    ("flair", r"(?:flair|t2[_-]?flair|t2f)"),
    ("post", r"(?:ce-[a-z0-9]+_t1w|t1[_-]?(?:ce|c|gd|post|contrast|contrasted|postcontrast|\+c)|post|postcontrast|gd)"),
    ("pre", r"(?:t1[_-]?(?:pre|n|w|precontrast|native)?|pre|precontrast)"),
)  # fmt: skip
_PATTERNS = tuple((role, re.compile(f"(.*?){_START}{ending}", re.IGNORECASE | re.DOTALL)) for role, ending in _ENDINGS)
_CHANNEL = re.compile(r"(.+)_(\d{4})", re.DOTALL)
_DESCRIBED: tuple[tuple[Sequence, str], ...] = (
    ("other", r"locali[sz]er|scout|survey|adc|dwi|diff|swi|perf|dsc|dce|asl|angio|mra|spectro|trace"),
    ("flair", r"flair|dark.?fluid|tirm"),
    (
        "post",
        r"t1.*(?:post|gd|gad|contrast|\+ ?c|[ _]c(?:e|m)?\b|km)|(?:post|gd|gad|\+ ?c).*t1|mprage.*(?:post|gd|gad)",
    ),
    ("pre", r"t1|mprage|spgr"),
    ("other", r"t2|pd\b"),
)


class Named(NamedTuple):
    """What a name says: the case that a file belongs to ("" where the name is the sequence's alone), and what it is."""

    case: str
    sequence: Sequence


def sequence_of(stem: str) -> Named | None:
    """What a file's name without suffix (or a folder's) says of its sequence; None where it says nothing."""
    for role, pattern in _PATTERNS:
        if found := pattern.fullmatch(stem):
            return Named(found[1], role)
    return None


def channel_of(stem: str) -> tuple[str, int] | None:
    """Case and number of a channel named as nnU-Net does, `<case>_0000`; None for another name."""
    found = _CHANNEL.fullmatch(stem)
    return (found[1], int(found[2])) if found else None


def described_sequence(words: str) -> Sequence | None:
    """The sequence that a scanner's own description of a series tells of; None where it tells none."""
    return next((role for role, pattern in _DESCRIBED if re.search(pattern, words, re.IGNORECASE)), None)
