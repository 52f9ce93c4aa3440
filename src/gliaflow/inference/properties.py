"""Plain properties by which one volume is like another: brightness, how its sequences relate, shape of the head."""

import cv2
import numpy as np

from gliaflow.ingest.prepare import FLAIR, POST, PRE

HEAD = 24  # grey value above which a pixel of any sequence is head, not noise; in dark volumes,
DARK_HEAD = 0.25  # this share of what is the brightest hundredth's least, where that is lower
SIGNAL = 10  # grey value that a pixel must exceed in all sequences to be compared between them
LEAST_PIXELS = 200  # pixels below which figures are chance
LOOKED_AT = 8  # slices of a volume: others say the same
STEP = 2  # every STEP-th row and column is measured
SIDE = 48  # pixels of the picture in which the head is compared with its mirror image
RIM, CORE = 0.25, 0.4  # depth in the head, of its greatest depth, up to which it is rim and from which on it is core

CHANNELS = ("pre-contrast", "FLAIR", "post-contrast")
OF_CHANNEL = {
    "level": ("{} is brighter", "{} is darker"),
    "bright": ("the brightest parts of {} are brighter", "the brightest parts of {} are darker"),
    "dark": ("the darkest parts of the head in {} are brighter", "the darkest parts of the head in {} are darker"),
    "contrast": ("{} has more contrast", "{} has less contrast"),
    "air": ("what surrounds the head in {} is brighter", "what surrounds the head in {} is darker"),
    "grain": ("{} is smoother", "{} is grainier"),
    "rim": (
        "the rim of the head against its core is brighter in {}",
        "the rim of the head against its core is darker in {}",
    ),
}
PAIRS = ((PRE, FLAIR), (FLAIR, POST), (PRE, POST))
SHAPE = {
    "size": ("the head fills more of the picture", "the head fills less of the picture"),
    "outline": ("the outline of the head is squarer", "the outline of the head is less full"),
    "sides": ("left and right of the head are more alike", "left and right of the head are less alike"),
    "ends": ("front and back of the head are more alike", "front and back of the head are less alike"),
}
NAMES = (
    *(f"{name} {channel}" for channel in CHANNELS for name in OF_CHANNEL),
    *(f"likeness {CHANNELS[one]} {CHANNELS[other]}" for one, other in PAIRS),
    *SHAPE,
)
"""The properties in order: 7 of each sequence, 3 correlations, 4 of shape. Levels and contrasts are logarithms."""
WORDS: dict[str, tuple[str, str]] = {
    **{f"{name} {c}": (more.format(c), less.format(c)) for c in CHANNELS for name, (more, less) in OF_CHANNEL.items()},
    **{
        f"likeness {CHANNELS[one]} {CHANNELS[other]}": (
            f"{CHANNELS[one]} and {CHANNELS[other]} are more alike",
            f"{CHANNELS[one]} and {CHANNELS[other]} are less alike",
        )
        for one, other in PAIRS
    },
    **SHAPE,
}


def choose_slices(images: np.ndarray) -> np.ndarray:
    """Up to LOOKED_AT of the slices [S, H, W, 3] in which the head is at least half as large as where it is largest."""
    if not len(images):
        return np.asarray(images)
    area = np.array([(image[::4, ::4].max(axis=2) > HEAD).mean() for image in images])
    large = np.flatnonzero(area >= area.max() / 2)
    chosen = large[np.unique(np.linspace(0, len(large) - 1, min(LOOKED_AT, len(large))).round().astype(int))]
    return np.asarray(images[chosen])


def measure_volume(images: np.ndarray) -> np.ndarray | None:
    """The properties NAMES, float64 [28], of a patient's slices uint8 [S, H, W, 3]; None where no head is to be seen.

    NaN is what can't be told: of a sequence that is a copy of FLAIR, or of few pixels.
    """
    looked_at = choose_slices(images)[:, ::STEP, ::STEP]
    if not looked_at.size:
        return None
    brightest = looked_at.max(axis=3)
    head = brightest > min(HEAD, DARK_HEAD * np.quantile(brightest, 0.99))
    if np.count_nonzero(head) < LEAST_PIXELS:
        return None
    copied = [c != FLAIR and np.array_equal(looked_at[..., c], looked_at[..., FLAIR]) for c in (PRE, FLAIR, POST)]
    rims, shape = _shapes(looked_at, head)
    unknown = np.full(len(OF_CHANNEL), np.nan)
    channels = [unknown if copied[c] else _channel(looked_at[..., c], head, rims[c]) for c in (PRE, FLAIR, POST)]
    pixels = looked_at[head].astype(np.float64)
    pixels = pixels[pixels.min(axis=1) > SIGNAL]
    likeness = [np.nan if copied[a] or copied[b] else _likeness(pixels[:, a], pixels[:, b]) for a, b in PAIRS]
    return np.concatenate([*channels, likeness, shape])


def _channel(channel: np.ndarray, head: np.ndarray, rim: float) -> np.ndarray:
    """The properties OF_CHANNEL of one sequence uint8 [S, H, W]."""
    dark, lower, level, upper, bright = np.quantile(channel[head], [0.1, 0.25, 0.5, 0.75, 0.95]) + 1
    air = np.median(channel[~head]) + 1 if not head.all() else 256.0
    grain = _likeness(channel[:, :, 1:].ravel().astype(float), channel[:, :, :-1].ravel().astype(float))
    return np.array([*np.log([level, bright, dark, (upper - lower + 1) / level, air]), grain, rim])


def _shapes(images: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Medians over slices: log ratio of rim to core of each sequence, [3], and the properties SHAPE, [4]."""
    rims: list[np.ndarray] = []
    shapes: list[np.ndarray] = []
    for image, seen in zip(images, head, strict=True):
        closed = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        if not outlines:
            continue
        filled = np.zeros_like(closed)
        cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], -1, 1, -1)
        left, top, width, height = cv2.boundingRect(filled)
        depth = cv2.distanceTransform(filled, cv2.DIST_L2, 3)
        rim, core = (depth > 0) & (depth < RIM * depth.max()), depth > CORE * depth.max()
        if rim.any():
            rims.append(np.log((image[rim].mean(axis=0) + 1) / (image[core].mean(axis=0) + 1)))
        box = np.ascontiguousarray(image[top : top + height, left : left + width, FLAIR], np.float32)
        box = cv2.resize(box, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
        alike = [_likeness(box.ravel(), mirrored.ravel()) for mirrored in (box[:, ::-1], box[::-1])]
        shapes.append(np.array([seen.mean(), filled.sum() / (width * height), *alike]))
    return _medians(rims, len(CHANNELS)), _medians(shapes, len(SHAPE))


def _medians(rows: list[np.ndarray], columns: int) -> np.ndarray:
    """Of each column, NaN left out; NaN of a column without any."""
    values = np.array(rows).reshape(-1, columns).T
    return np.array([np.median(own[~np.isnan(own)]) if not np.isnan(own).all() else np.nan for own in values])


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two equally long rows of pixels; NaN of few, or of constant ones."""
    if len(one) < LEAST_PIXELS or not one.std() or not other.std():
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
