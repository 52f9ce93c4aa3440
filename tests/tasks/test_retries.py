"""Only what may be gone by itself a moment later is tried again."""

import httpx
import pytest
from prefect.client.schemas.objects import State, StateType

from tasks.retries import is_passing


def answer(status: int) -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "http://127.0.0.1/api/artifacts/")
    return httpx.HTTPStatusError("refused", request=request, response=httpx.Response(status, request=request))


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (httpx.ConnectError("Connection refused"), True),
        (httpx.ReadTimeout("too long"), True),
        (answer(500), True),
        (answer(503), True),
        (answer(404), False),
        (answer(422), False),
        (FileNotFoundError("summary.json"), False),
        (AssertionError("no picture"), False),
    ],
)
def test_a_server_in_trouble_passes_and_a_mistake_does_not(error, passing):
    assert is_passing(None, None, State(type=StateType.FAILED, data=error)) is passing
