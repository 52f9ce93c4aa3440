"""In which order the three sequences of a volume most likely are: learnt from volumes in the right order alone."""

from itertools import permutations

import numpy as np
from scipy.optimize import minimize

from gliaflow.inference.properties import CHANNELS, OF_CHANNEL, PAIRS

ORDERS = tuple(permutations(range(len(CHANNELS))))  # the right one first
PENALTY = 1.0  # of half the squared weights
FAR = 3.0  # spreads beyond which a property counts no more
_WIDTH = len(OF_CHANNEL)
_TOLD = len(CHANNELS) * _WIDTH + len(PAIRS)


def faces_of(properties: np.ndarray) -> np.ndarray | None:
    """What the volume with these properties would look like were its channels put in each of ORDERS, float64 [6, 16].

    Of the first two channels, properties less their mean over channels, and two correlations less the mean of three.
    None where a sequence is missing or something can't be told.
    """
    told = properties[:_TOLD]
    if np.isnan(told).any():
        return None
    channels, likeness = told[: -len(PAIRS)].reshape(len(CHANNELS), _WIDTH), told[-len(PAIRS) :]
    channels, likeness = channels - channels.mean(axis=0), likeness - likeness.mean()
    place = {frozenset(pair): number for number, pair in enumerate(PAIRS)}
    return np.array(
        [
            [*channels[a], *channels[b], likeness[place[frozenset((a, b))]], likeness[place[frozenset((b, c))]]]
            for a, b, c in ORDERS
        ]
    )


def fit_orders(faces: np.ndarray) -> np.ndarray:
    """Weights [16] that make the right order the likeliest, of `faces_of` the training patients, [P, 6, 16].

    McFadden's conditional logit (1974): the likelihood of an order is the softmax over the six of weighted sums.
    A small penalty on the weights, in units of each property's spread, keeps them finite.
    """
    spread = np.maximum(faces.reshape(-1, faces.shape[2]).std(axis=0), 1e-6)
    scaled = np.clip(faces / spread, -FAR, FAR)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        each = order_likelihood(scaled, weights)  # [P, 6]
        expected = (each[..., None] * scaled).sum(axis=1)  # [P, 16]
        value = -np.log(np.maximum(each[:, 0], 1e-300)).sum() + PENALTY * weights @ weights / 2
        return float(value), PENALTY * weights - (scaled[:, 0] - expected).sum(axis=0)

    found = minimize(loss, np.zeros(faces.shape[2]), jac=True, method="L-BFGS-B", options={"ftol": 1e-12, "gtol": 1e-7})
    return np.asarray(found.x / spread)


def order_likelihood(faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """How likely each of ORDERS is, [..., 6] of [..., 6, 16]: shares that add up to 1."""
    scores = faces @ weights
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def name_order(order: tuple[int, ...]) -> str:
    """`post-contrast, FLAIR, pre-contrast`: what the channels are, if putting them in `order` makes them right."""
    return ", ".join(CHANNELS[order.index(channel)] for channel in range(len(CHANNELS)))
