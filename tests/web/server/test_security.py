"""Who may ask, and what browsers may do with answers."""

import pytest

from gliaflow.web.security import HEADERS, route_of

TOKEN = "a-token-that-nobody-guesses"


def test_every_answer_has_the_headers(served, picture) -> None:
    for response in (
        served.client.get("/health"),
        served.client.get("/nowhere"),
        served.client.get("/static/nowhere.js"),
        served.send(("a.png", picture())),
        served.send(("a.png", picture()), params={"stream": "1"}),
        served.send(("a.png", b"")),
        served.send(("a.png", picture()), headers={"Origin": "http://elsewhere.example"}),
    ):
        assert {name: response.headers[name] for name in HEADERS} == HEADERS
        assert response.headers["cache-control"] == ("no-cache" if "/static/" in str(response.url) else "no-store")
        assert "server" not in response.headers
    policy = HEADERS["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://[broken"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # another port of this machine
    ],
)
def test_pages_of_other_sites_may_not_send(served, picture, headers: dict[str, str]) -> None:
    response = served.send(("a.png", picture()), headers=headers)
    assert response.status_code == 403
    assert response.json() == {"message": "Another site may not send files here. Use the page of this server."}


def test_its_own_page_may(served, picture) -> None:
    headers = {"Origin": served.url, "Sec-Fetch-Site": "same-origin"}
    assert served.send(("a.png", picture()), headers=headers).status_code == 200


def test_a_server_goes_by_its_names_alone(stub_server) -> None:
    served, _ = stub_server(hosts={"127.0.0.1", "localhost", "::1"})
    for host in ("127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000"):
        assert served.client.get("/health", headers={"Host": host}).status_code == 200
    for host in ("elsewhere.example", "127.0.0.1.elsewhere.example", "[broken", ""):
        response = served.client.get("/health", headers={"Host": host})
        assert response.status_code == 421
        assert response.json()["message"].startswith("This server does not go by that name.")


def test_without_the_token_nothing_is_predicted(stub_server, picture) -> None:
    served, stub = stub_server(token=TOKEN)
    for given in (None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer", f"Bearer {TOKEN}x", "Bearer ümlaut"):
        headers = {} if given is None else {"Authorization": given.encode()}
        for response in (
            served.send(("a.png", picture()), headers=headers),
            served.client.get("/metrics", headers=headers),
        ):
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"
            assert response.json() == {"message": "A token is needed, the one that the server was started with."}
    assert not stub.entered.is_set()
    for given in (f"Bearer {TOKEN}", f"bearer  {TOKEN}"):
        assert served.send(("a.png", picture()), headers={"Authorization": given}).status_code == 200
    assert served.client.get("/api/model").json()["token_needed"] is True
    assert served.client.get("/health").status_code == 200


def test_routes_in_metrics_and_log_hold_no_names() -> None:
    assert route_of("/api/samples/jane.tif") == "/api/samples/{name}"
    assert route_of("/static/x/y.js") == "/static/{name}"
    assert route_of("/jane") == "other"
    assert route_of("/api/predict") == "/api/predict"
