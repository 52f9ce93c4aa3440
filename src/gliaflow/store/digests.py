"""Digests of what a result depends on: bytes, values and the code that made it."""

import ast
import contextlib
import hashlib
import importlib.metadata
import importlib.util
import inspect
import json
import os
import platform
import textwrap
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "gliaflow"


def digest_json(value: Any) -> str:
    """sha256 (hex) of `value` as canonical JSON: sorted keys, no spaces, NaN refused."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_file(path: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_function(function: Callable[..., Any]) -> str:
    """sha256 (hex) of what a function's source says; comments, docstrings and layout don't count."""
    return _digest_source(textwrap.dedent(inspect.getsource(function)))


def digest_code(modules: Iterable[str]) -> dict[str, str]:
    """Digest of every Gliaflow module that `modules` use, imports followed all the way: {module name: sha256}.

    Comments, docstrings and layout don't count, so that explaining the code does not cost a training. Files beside
    such a module that are no Python (a page's template) count by their bytes. The modules are not imported.
    """
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        code, imports, beside = _read_module(name)
        found[name] = code
        found.update(beside)
        waiting.extend(imports)
    return dict(sorted(found.items()))


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of the named distributions, and of Python itself (major.minor), sorted by name.

    `a/b` names one thing that comes as either distribution: it counts as `a` whichever is installed.
    """
    versions = {name.split("/")[0]: _version(name) for name in names}
    versions["python"] = ".".join(platform.python_version_tuple()[:2])
    return dict(sorted(versions.items()))


def _version(name: str) -> str:
    for distribution in name.split("/"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(distribution)
    raise importlib.metadata.PackageNotFoundError(name)


@cache
def _read_module(name: str) -> tuple[str, tuple[str, ...], dict[str, str]]:
    """A module's digest, the Gliaflow modules that it imports, and the digests of the data files beside it."""
    path = _locate(name)
    if path is None:
        raise ModuleNotFoundError(f"A stage names the module {name!r}, which does not exist; mend its `code=`.")
    source = path.read_text(encoding="utf-8")
    imports = {target for node in ast.walk(ast.parse(source)) for target in _targets(node) if _locate(target)}
    package = path.parent
    data = {path.relative_to(package.parent).as_posix(): digest_file(path) for path in _data_files(package)}
    return _digest_source(source), tuple(sorted(imports)), data


def _locate(name: str) -> Path | None:
    """The file of a module of Gliaflow; None for any other name. (Python's own search would import its parents.)"""
    package, *parts = name.split(".")
    spec = importlib.util.find_spec(PACKAGE) if package == PACKAGE else None
    if spec is None or spec.origin is None:
        return None
    place = Path(spec.origin).parent.joinpath(*parts)
    found = (path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file())
    return next(found, None)


def _data_files(package: Path) -> list[Path]:
    """The files of a package that are no Python: its own and those in its folders that are no packages."""
    files = []
    for path, below, names in os.walk(package):
        folder = Path(path)
        below[:] = [name for name in below if name[0] not in "._" and not (folder / name / "__init__.py").exists()]
        files += [folder / name for name in names if name[0] != "." and not name.endswith((".py", ".pyc", ".typed"))]
    return files


def _targets(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def _digest_source(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        is_documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if is_documented and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            node.body = body[1:]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
