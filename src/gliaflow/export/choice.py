"""Which export of a release is used."""

import logging
from pathlib import Path

from gliaflow.export.record import FOLDER, Candidate, Record, UnusableExport, check_files, entry_of, read_record
from gliaflow.inference.bundle import Bundle
from gliaflow.inference.engines import ENGINES, Network, UnsuitedMachine, open_network

logger = logging.getLogger(__name__)


def choose_networks(release: Path, bundle: Bundle, engine: str) -> tuple[list[Network], tuple[str, ...]]:
    """The networks of an export, one a member, and sentences on why faster ones were passed over.

    engine : "fastest", by the speed recorded when it was exported, where none can be used the list is empty; or the
        name of a format, of which the fastest precision is taken

    Raises `UnusableExport` where a format was asked for by name and can't be used.
    """
    if engine != "fastest" and engine not in ENGINES:
        raise UnusableExport(f"Engines are keras, fastest, {', '.join(ENGINES)}; received {engine!r}.")
    remarks: list[str] = []
    try:
        record = read_record(release)
    except UnusableExport as error:
        record = None
        remarks.append(str(error))
    for candidate in _wanted(record, engine):
        assert record is not None
        try:
            return _open(release, bundle, record, candidate), tuple(remarks)
        except (UnusableExport, UnsuitedMachine) as error:
            remarks.append(f"{_name(candidate)} is not used. {error}")
        except Exception as error:  # the libraries raise what they like of what they can't run
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            remarks.append(f"{_name(candidate)} is not used. It can't be opened: {first[:300]}")
            logger.debug("%s", remarks[-1], exc_info=True)
    if engine != "fastest":
        raise UnusableExport(" ".join(remarks) or _absent(release, record, engine))
    return [], tuple(remarks)


def _wanted(record: Record | None, engine: str) -> list[Candidate]:
    if record is None:
        return []
    if engine == "fastest":
        return record.ranked()
    return [candidate for candidate in record.ranked(light=False) if candidate.format == engine]


def _open(release: Path, bundle: Bundle, record: Record, candidate: Candidate) -> list[Network]:
    check_files(release, record, candidate.format)
    root = release / FOLDER
    return [
        open_network(
            candidate.format,
            entry_of(root, candidate.format, member.file),
            candidate.precision,
            record.size,
            record.channels,
        )
        for member in bundle.members
    ]


def _absent(release: Path, record: Record | None, engine: str) -> str:
    compared = [candidate for candidate in record.candidates if candidate.format == engine] if record else []
    if compared:
        return f"The export to {ENGINES[engine].title} did not give the masks of the released model, so it is not used."
    return f"{release} has no export to {ENGINES[engine].title}: gliaflow export {release} --to {engine} makes one."


def _name(candidate: Candidate) -> str:
    return f"{ENGINES[candidate.format].title}, {candidate.precision}"
