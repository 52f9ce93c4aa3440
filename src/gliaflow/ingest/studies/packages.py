"""Packages that only some formats need."""

from importlib.util import find_spec

from gliaflow.ingest.reasons import UnusableSource


def require(package: str, what: str) -> None:
    """Raise UnusableSource, with what to do, where `package` is not installed."""
    if find_spec(package) is None:
        raise UnusableSource(
            f"{what} are read through {package}, which is not installed. Run: pip install 'gliaflow[medical]'"
        )
