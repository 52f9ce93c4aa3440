"""What a request is told when it gets no answer: a status, and why in plain words."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from gliaflow.ingest.studies.study import Refusal


class Problem(Exception):
    """A request that gets no answer: `status`, what to say, the files refused, and headers."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        refused: Sequence[Refusal] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = HTTPStatus(status)
        self.message = message
        self.refused = tuple(refused)
        self.headers = dict(headers or {})

    def to_json(self) -> dict[str, Any]:
        """{"message": …}, and "refused" where files were."""
        refused = [refusal_json(refusal) for refusal in self.refused]
        return {"message": self.message, **({"refused": refused} if refused else {})}


class Busy(Problem):
    """A server with as much under way as it can bear: come again in `seconds`."""

    def __init__(self, seconds: int) -> None:
        message = f"The server is busy. Try again in {seconds} s."
        super().__init__(503, message, headers={"Retry-After": str(seconds)})


def refusal_json(refusal: Refusal) -> dict[str, str]:
    """name, reason, message."""
    return {"name": refusal.name, "reason": refusal.reason, "message": refusal.message}
