from gliaflow.report import familiarity
from gliaflow.report.data import ReportData


def test_a_warning_is_told_with_what_it_is_told_from(crossed: ReportData) -> None:
    words = familiarity.in_words(crossed.familiarity)
    assert "with those of 12 training patients" in words and words.endswith("at most 5 % get a warning all the same.")
    few = familiarity.in_words({"patients": 4, "spread": None, "expected": 0.05})
    assert few == "There are only 4 training patients: too few to tell what is unlike them, so no warning is given."
    assert familiarity.in_words(None) == ""


def test_what_it_was_tried_on_is_a_row_a_kind_of_input(crossed: ReportData) -> None:
    assert familiarity.trial_table(crossed.tried, crossed.familiarity).plain() == [
        {"input": "as it is", "volumes": 2, "warned": 0.0},
        {"input": "noise", "volumes": 2, "warned": 1.0},
    ]
    assert familiarity.trial_table(None, crossed.familiarity).rows == []
    never = {**crossed.familiarity, "spread": None}
    assert familiarity.trial_table(crossed.tried, never).rows == []
