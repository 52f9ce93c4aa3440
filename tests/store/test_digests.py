"""Digests change with what matters, and only with that."""

import sys

import pytest

from gliaflow.store import digests


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Write modules gliaflow_fake.* below tmp_path and return their code digest, caches dropped."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(digests, "PACKAGE", "gliaflow_fake")

    def digest(**sources: str) -> dict[str, str]:
        package = tmp_path / "gliaflow_fake"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
        for name, source in sources.items():
            (package / f"{name}.py").write_text(source)
        digests._read_module.cache_clear()
        for name in [name for name in sys.modules if name.startswith("gliaflow_fake")]:
            monkeypatch.delitem(sys.modules, name)
        return digests.digest_code(["gliaflow_fake.stage"])

    return digest


STAGE = "from gliaflow_fake.helper import add\n\ndef run():\n    import gliaflow_fake.late\n    return add(1)\n"


def test_code_digest_follows_imports_and_sees_a_changed_helper(modules):
    before = modules(stage=STAGE, helper="def add(x): return x + 1", late="", unused="a = 1")
    assert {"gliaflow_fake.stage", "gliaflow_fake.helper", "gliaflow_fake.late"} <= before.keys()
    assert "gliaflow_fake.unused" not in before
    after = modules(helper="def add(x): return x + 2")
    assert {name for name in before if before[name] != after[name]} == {"gliaflow_fake.helper"}


def test_comments_docstrings_and_layout_cost_nothing(modules):
    before = modules(stage=STAGE, helper="def add(x): return x + 1", late="")
    after = modules(helper='"""Adds."""\n\n\ndef add(x):\n    """Add one."""\n    # one more\n    return x + 1\n')
    assert after == before


def test_a_template_beside_a_module_counts(modules, tmp_path):
    before = modules(stage=STAGE, helper="def add(x): return x + 1", late="")
    (tmp_path / "gliaflow_fake" / "template").mkdir()
    (tmp_path / "gliaflow_fake" / "template" / "page.html").write_text("<p>")
    after = modules()
    assert set(after) - set(before) == {"gliaflow_fake/template/page.html"}
    assert {name: after[name] for name in before} == before


def test_a_stage_that_names_no_module_is_told():
    with pytest.raises(ModuleNotFoundError, match="gliaflow.nowhere"):
        digests.digest_code(["gliaflow.nowhere"])


def test_json_digest_is_blind_to_order_and_refuses_nan():
    assert digests.digest_json({"a": 1, "b": [2]}) == digests.digest_json({"b": [2], "a": 1})
    assert digests.digest_json({"a": 1}) != digests.digest_json({"a": "1"})
    with pytest.raises(ValueError, match="JSON"):
        digests.digest_json(float("nan"))


def test_versions_of_alternatives_have_one_name():
    versions = digests.library_versions(["no-such-distribution/numpy", "pandas"])
    assert versions["pandas"].startswith("3.")
    assert versions["no-such-distribution"].startswith("2.")
    assert versions["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"
