from gliaflow.report import provenance
from gliaflow.report.data import ReportData


def test_stages_with_many_results_are_one_row(whole: ReportData) -> None:
    pair, prepare = provenance.stage_table(whole.stages).rows
    assert (pair["stage"], pair["results"], pair["key"], pair["content"]) == ("pair", 1, "1" * 10, "2" * 10)
    assert (prepare["results"], prepare["key"], prepare["content"]) == (9, "9 different", "9 different")
    assert prepare["code"] == pair["code"] and len(pair["code"]) == 10


def test_details_leave_out_what_differs_between_a_stage_s_results(whole: ReportData) -> None:
    details = dict(provenance.stage_details(whole.stages))
    assert [(row["kind"], row["name"], row["value"]) for row in details["prepare"].rows] == [
        ("parameter", "size", "256"),
        ("library", "numpy", "2.4.6"),
    ]


def test_a_stage_may_lack_digests_and_parameters() -> None:
    table = provenance.stage_table([{"stage": "scan"}])
    assert table.plain() == [{"stage": "scan", "results": 1, "key": None, "content": None, "code": None}]
    assert provenance.stage_details([{"stage": "scan", "parameters": None}]) == []


def test_settings_are_flattened(whole: ReportData) -> None:
    assert provenance.flatten({"a": {"b": 1, "c": {"d": None}}, "e": [1, 2], "f": True}) == {
        "a.b": "1", "a.c.d": "none", "e": "1, 2", "f": "True",
    }  # fmt: skip
    assert provenance.recipe_table(whole.recipe).rows[3] == {"name": "augmentation.flip", "value": "0.5"}


def test_digests_are_shortened_alike_for_equal_code() -> None:
    assert provenance.short("sha256:" + "cd" * 32) == "cdcdcdcdcd"
    assert (
        provenance.short({"a": "1", "b": "2"}) == provenance.short({"b": "2", "a": "1"}) != provenance.short({"a": "1"})
    )
