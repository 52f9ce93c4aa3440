"""Drift: by the tests of an implementation that isn't ours, adjusted for their number, and nothing of too few."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gliaflow.evaluation.drift import CHANCE, FEWEST, adjust, measure_drift


def test_each_measure_is_tested_by_itself_and_the_p_values_are_adjusted():
    rng = np.random.default_rng(0)
    reference = pd.DataFrame({"same": rng.normal(size=40), "higher": rng.normal(size=40), "few": np.nan})
    recent = pd.DataFrame({"same": rng.normal(size=15), "higher": rng.normal(2, size=15), "few": rng.normal(size=15)})
    reference.loc[:3, "few"] = 1.0
    recent.loc[0, "same"] = np.nan
    table = measure_drift(reference, recent, ["same", "higher", "few"]).set_index("measure")
    for name, ours in table.loc[["same", "higher"]].iterrows():
        old, new = reference[name], recent[name].dropna()
        test = stats.mannwhitneyu(new, old)
        pairs = (new.to_numpy()[:, None] > old.to_numpy()).mean()
        assert ours["p"] == pytest.approx(test.pvalue) and ours["above"] == pytest.approx(pairs)
        assert ours["reference_low"] == pytest.approx(np.percentile(old, 5))
    assert table["recent_patients"].tolist() == [14, 15, 15] and table["reference_patients"].tolist() == [40, 40, 4]
    assert table["drifted"].tolist() == [False, True, False]
    assert table.loc["few", ["p", "adjusted", "above"]].isna().all() and table.loc["few", "reference_median"] == 1.0


def test_ties_count_half():
    both = pd.DataFrame({"m": [1.0] * FEWEST})
    assert measure_drift(both, both, ["m"]).loc[0, ["above", "p"]].tolist() == [0.5, 1.0]


def test_nobody_on_either_side_is_no_error():
    none, some = pd.DataFrame({"m": np.array([])}), pd.DataFrame({"m": [1.0, 2.0]})
    for pair in ((none, some), (some, none), (none, none)):
        table = measure_drift(*pair, ["m"])
        assert not table["drifted"].any() and table["p"].isna().all()


def test_holms_adjustment():
    """The example of Holm (1979) as worked by hand: p times 4, 3, 2, 1, never falling, at most 1."""
    adjusted = adjust(np.array([0.04, 0.01, np.nan, 0.03, 0.6]))
    np.testing.assert_allclose(adjusted, [0.09, 0.04, np.nan, 0.09, 0.6])
    assert adjust(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_where_nothing_has_drifted_a_look_seldom_says_otherwise():
    rng = np.random.default_rng(1)
    looks = 400
    wrong = 0
    for _ in range(looks):
        old, new = (pd.DataFrame(rng.normal(size=(n, 7)), columns=list("abcdefg")) for n in (40, 20))
        wrong += measure_drift(old, new, list("abcdefg"))["drifted"].any()
    assert wrong <= looks * CHANCE + 3 * np.sqrt(looks * CHANCE)
