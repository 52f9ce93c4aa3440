"""Whether a volume is like those that a model was trained on, and if not, what is odd about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gliaflow.inference.orders import ORDERS, faces_of, fit_orders, name_order, order_likelihood
from gliaflow.inference.properties import NAMES, WORDS, measure_volume

BY_DISTANCE, BY_ORDER = 0.05, 0.025
"""About the share of patients like the training's that get a warning, by either. With half as much for the distance,
one odd patient of 60 real ones sets the limit, and four of five photographs pass."""
FEWEST = 10  # training patients below which nothing is said
SHRINKAGE = 0.2  # how much less than measured properties hang together: patients are hardly more than properties
FAR = 4.0  # spreads beyond which a training patient's property counts no more for how properties hang together
FLOOR = 0.02  # least spread of a property, in its own unit
CONSISTENT = 1.4826  # times the median absolute deviation: the standard deviation of a normal distribution
NAMED = 3  # properties that a warning names at the most
ODD = 2.0  # spreads from which on a property is worth naming


@dataclass(frozen=True)
class Spread:
    """Of each property over the training patients: median, robust standard deviation, extremes, and correlations."""

    center: tuple[float, ...]
    spread: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    correlation: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Familiarity:
    """What the volumes of the training patients are like, in plain numbers; `asdict` and `of` take it to JSON and back.

    names       : the properties, `gliaflow.inference.properties.NAMES`
    spread      : how they vary over patients; None for fewer than FEWEST
    limit       : distance above which a volume is unlike them
    weights     : of the likelihood of an order of the channels; empty for fewer than FEWEST with three sequences
    least       : likelihood of its own order below which a volume's channels look exchanged
    expected    : share of patients like them that get a warning all the same, at most
    patients    : how many there were
    """

    names: tuple[str, ...]
    spread: Spread | None
    limit: float | None
    weights: tuple[float, ...]
    least: float | None
    expected: float
    patients: int

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """What `asdict` made of one, back from JSON; raises KeyError, TypeError or ValueError for anything else."""
        found = cls(**{**content, "spread": content["spread"] and Spread(**_tuples(content["spread"]))})
        found = cls(**{**found.__dict__, "names": tuple(found.names), "weights": tuple(found.weights)})
        if found.names != NAMES:
            raise ValueError("names")
        return found

    def distance(self, properties: np.ndarray) -> float:
        """How far a volume is from the training patients: Mahalanobis', a property, so that about 1 is usual.

        Raises ValueError where there were too few of them.
        """
        if self.spread is None:
            raise ValueError(f"Distances are told from {FEWEST} patients or more; there were {self.patients}.")
        return _distance(properties, self.spread)

    def warn(self, images: np.ndarray) -> tuple[str, ...]:
        """Sentences on how a patient's slices, uint8 [S, H, W, 3], are unlike training's; none where they are not."""
        return self.judge(measure_volume(images))

    def judge(self, properties: np.ndarray | None) -> tuple[str, ...]:
        """The same of a volume's measured properties (None: no head was to be seen)."""
        if self.spread is None or self.limit is None:
            return ()
        if properties is None:
            return ("No slice shows a head: this is no MRI of one, or it is empty.",)
        said = []
        if self.distance(properties) > self.limit:
            said.append(f"Unlike the {self.patients} training patients: {'; '.join(self._oddities(properties))}.")
        order = self._order(properties)
        if order is not None:
            said.append(f"The channels look like {name_order(order)}, not like {name_order(ORDERS[0])}.")
        return tuple(said)

    def _order(self, properties: np.ndarray) -> tuple[int, ...] | None:
        """The likeliest order of the channels, if the one that they have is too unlikely; else None."""
        faces = faces_of(properties) if self.weights else None
        if faces is None or self.least is None:
            return None
        likelihood = order_likelihood(faces, np.array(self.weights))
        exchanged = likelihood[0] < self.least and likelihood.argmax() != 0
        return ORDERS[int(likelihood.argmax())] if exchanged else None

    def _oddities(self, properties: np.ndarray) -> list[str]:
        """The oddest properties in words, those outside the range of the training patients first."""
        assert self.spread is not None
        lowest, highest = np.array(self.spread.lowest), np.array(self.spread.highest)
        away = (properties - np.array(self.spread.center)) / np.array(self.spread.spread)
        outside = (properties < lowest) | (properties > highest)
        odd = [n for n in range(len(NAMES)) if np.abs(away[n]) >= ODD]  # NaN is never
        odd.sort(key=lambda n: (not outside[n], -abs(away[n])))
        than = {True: "than in any of them", False: "than in most of them"}
        words = [f"{WORDS[NAMES[n]][0 if away[n] > 0 else 1]} {than[bool(outside[n])]}" for n in odd[:NAMED]]
        return words or ["no property by itself is odd, but they don't go together as in them"]


def fit_familiarity(measured: Mapping[str, np.ndarray]) -> Familiarity:
    """Learn what training patients' volumes are like from their properties {patient: `measure_volume`}, and the limits.

    Each limit is chosen by leaving out one patient after another: of n patients the j-th most unlike the others is just
    outside, j being the share that is set of n + 1, rounded, and at least 1; so a patient like them gets a warning
    with a probability of j / (n + 1).
    """
    rows = np.array([measured[patient] for patient in sorted(measured)]).reshape(-1, len(NAMES))
    if len(rows) < FEWEST:
        return Familiarity(NAMES, None, None, (), None, 0.0, len(rows))
    distances = np.array(list(left_out_distances(measured).values()))
    outside = _count_outside(len(rows), BY_DISTANCE)
    limit, expected = float(np.sort(distances)[-outside]), outside / (len(rows) + 1)
    faces = np.array([found for row in rows if (found := faces_of(row)) is not None])
    if len(faces) < FEWEST:
        return Familiarity(NAMES, _fit_spread(rows), limit, (), None, expected, len(rows))
    others = [np.delete(faces, n, axis=0) for n in range(len(faces))]
    own = np.array([order_likelihood(face, fit_orders(rest))[0] for face, rest in zip(faces, others, strict=True)])
    outside = _count_outside(len(faces), BY_ORDER)
    least, expected = float(np.sort(own)[outside - 1]), expected + outside / (len(faces) + 1)
    weights = tuple(fit_orders(faces).tolist())
    return Familiarity(NAMES, _fit_spread(rows), limit, weights, least, expected, len(rows))


def left_out_distances(measured: Mapping[str, np.ndarray]) -> dict[str, float]:
    """How far each patient is from all the others {patient: `measure_volume`}; of fewer than FEWEST nothing is told.

    A patient's own part in what is usual would make it look more usual than a new one.
    """
    if len(measured) < FEWEST:
        return {}
    patients = sorted(measured)
    rows = np.array([measured[patient] for patient in patients])
    every = np.arange(len(rows))
    return {patient: _distance(rows[n], _fit_spread(rows[every != n])) for n, patient in enumerate(patients)}


def _count_outside(patients: int, share: float) -> int:
    return max(1, round(share * (patients + 1)))


def _fit_spread(rows: np.ndarray) -> Spread:
    """How properties vary over patients, [P, 28]; what nobody has gets 0 +- FLOOR."""
    unknown = np.isnan(rows)
    rows = np.where(unknown.all(axis=0), 0.0, rows)
    center = np.nanmedian(rows, axis=0)
    deviation = CONSISTENT * np.nanmedian(np.abs(rows - center), axis=0)
    spread = np.maximum(np.maximum(deviation, np.nanstd(rows, axis=0) / 2), FLOOR)
    away = np.clip(np.where(unknown, 0.0, (rows - center) / spread), -FAR, FAR)
    together = away.T @ away
    size = np.sqrt(np.maximum(np.diag(together), 1e-12))
    correlation = (1 - SHRINKAGE) * together / np.outer(size, size)
    np.fill_diagonal(correlation, 1.0)
    return Spread(
        tuple(center.tolist()),
        tuple(spread.tolist()),
        tuple(np.nanmin(rows, axis=0).tolist()),
        tuple(np.nanmax(rows, axis=0).tolist()),
        tuple(tuple(row) for row in correlation.tolist()),
    )


def _distance(properties: np.ndarray, spread: Spread) -> float:
    """Mahalanobis distance over the properties that are known, divided by the root of their number."""
    known = ~np.isnan(properties)
    away = ((properties - np.array(spread.center)) / np.array(spread.spread))[known]
    correlation = np.array(spread.correlation)[np.ix_(known, known)]
    return float(np.sqrt(away @ np.linalg.solve(correlation, away) / len(away)))


def _tuples(content: Mapping[str, Any]) -> dict[str, Any]:
    rows = {"correlation": tuple(tuple(row) for row in content["correlation"])}
    return {name: rows.get(name) or tuple(values) for name, values in content.items()}
