"""How well a score puts slices with tumour before the others: the area under the ROC curve, over patients."""

import numpy as np


def pairs_won(score: np.ndarray, positive: np.ndarray, patient: np.ndarray, patients: int) -> np.ndarray:
    """How many pairs of a positive slice of one patient and a negative of another are in the right order.

    Parameters
    ----------
    score : ndarray of shape (S,)
    positive : ndarray of shape (S,), bool
    patient : ndarray of shape (S,), int
        0, 1, ... P - 1.
    patients : int
        P.

    Returns
    -------
    ndarray of shape (P, P), float64
        Pairs of a positive slice of patient p (row) that scores higher than a negative one of patient q (column); equal
        scores count half. With these the area of any resampled cohort is a sum, not a new sort.
    """
    raised, owner = score[positive], patient[positive]
    won = np.zeros((patients, patients))
    for other in range(patients):
        lower = np.sort(score[~positive & (patient == other)])
        beaten = (np.searchsorted(lower, raised, "left") + np.searchsorted(lower, raised, "right")) / 2
        won[:, other] = np.bincount(owner, weights=beaten, minlength=patients)
    return won


def auroc(won: np.ndarray, positives: np.ndarray, negatives: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each cohort, float64 [R]; NaN in a cohort without positives or without negatives.

    The area is the share of pairs in the right order (Hanley and McNeil 1982).

    Parameters
    ----------
    won : ndarray of shape (P, P)
        `pairs_won`.
    positives, negatives : ndarray of shape (P,)
        Slices of each patient.
    weights : ndarray of shape (R, P)
        How often each patient is in each cohort.
    """
    pairs = (weights @ positives) * (weights @ negatives)
    right = ((weights @ won) * weights).sum(axis=1)
    return np.where(pairs > 0, right / np.maximum(pairs, 1), np.nan)
