"""Forms as they come in: limits hold while they come, names are only shown, broken ones are told in words."""

import http.client
import socket
from urllib.parse import urlsplit

import pytest

from gliaflow.web.shown_names import shown_name, told_apart

MIB = 1 << 20


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("P_1.tif", "P_1.tif"),
        ("folder/sub/P_1.tif", "folder/sub/P_1.tif"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\Users\\jane\\P_1.tif", "Users/jane/P_1.tif"),
        ("..\\..\\x.png", "x.png"),
        ("a/./b/.../c.png", "a/b/c.png"),
        ("evil\x1b[2J\n.png", "evil\\x1b[2J\\n.png"),
        ("right\u202eto-left.png", "right\\u202eto-left.png"),
        ("", "file 7"),
        ("..", "file 7"),
        ("a" * 500 + "_12.tif", "a" * 79 + "…" + "a" * 33 + "_12.tif"),
        ("/".join(["d" * 100] * 9) + "/P_1.tif", "/".join(["d" * 100] * 3) + "/P_1.tif"),
    ],
)
def test_names_are_plain_paths_that_lead_nowhere(given: str, shown: str) -> None:
    assert shown_name(given, 7) == shown


def test_equal_names_are_told_apart() -> None:
    assert told_apart(["a.png", "b/a.nii.gz", "a.png", "b/a.nii.gz", "a.png"]) == [
        "a.png",
        "b/a.nii.gz",
        "a (2).png",
        "b/a (2).nii.gz",
        "a (3).png",
    ]


def post(served, body: bytes, kind: str = "multipart/form-data; boundary=X", **headers: str) -> tuple[int, dict]:
    response = served.client.post("/api/predict", content=body, headers={"Content-Type": kind, **headers})
    return response.status_code, response.json()


PART = b'--X\r\nContent-Disposition: form-data; name="%b"; filename="a.png"\r\n\r\n%b\r\n'


@pytest.mark.parametrize(
    ("body", "kind", "status", "message"),
    [
        (b"{}", "application/json", 415, "Files are taken as a form, multipart/form-data,"),
        (b"", "multipart/form-data", 400, "The form's Content-Type has no boundary of 1 to 70 characters."),
        (b"", f"multipart/form-data; boundary={'X' * 71}", 400, "The form's Content-Type has no boundary of"),
        (b"rubbish", "multipart/form-data; boundary=X", 400, "The form is broken"),
        (PART % (b"files", b"data"), "multipart/form-data; boundary=X", 400, "The form is cut off"),
        (
            PART % (b"other", b"data") + b"--X--\r\n",
            "multipart/form-data; boundary=X",
            422,
            "The form has a field other",
        ),
        (
            b'--X\r\nContent-Disposition: form-data; name="files"\r\n\r\ntext\r\n--X--\r\n',
            "multipart/form-data; boundary=X",
            422,
            "What the field “files” holds is no file",
        ),
        (b"--X--\r\n", "multipart/form-data; boundary=X", 422, "No file came."),
        (
            b'--X\r\nContent-Disposition: form-data; name="files"; filename=""\r\n\r\n\r\n--X--\r\n',
            "multipart/form-data; boundary=X",
            422,
            "No file came.",  # what browsers send where nobody chose a file
        ),
        (b"--X\r\n" + b"A: b\r\n" * 50 + b"\r\n", "multipart/form-data; boundary=X", 400, "The form is broken"),
        (b"--X\r\n" + b"A" * 99_999, "multipart/form-data; boundary=X", 400, "The form is broken"),
    ],
)
def test_broken_forms_are_told_in_words(served, body: bytes, kind: str, status: int, message: str) -> None:
    found, said = post(served, body, kind)
    assert found == status and said["message"].startswith(message)


def test_limits_hold_on_bytes_and_files(stub_server, picture) -> None:
    served, stub = stub_server(limits={"file_bytes": 20_000, "total_bytes": 50_000, "files": 4})
    small = picture()
    assert 3_000 < len(small) < 20_000
    assert served.send(*[(f"{n}.png", small) for n in range(4)]).status_code == 200
    stub.entered.clear()
    for files in (
        [("large.png", bytes(20_001))],
        [(f"{n}.png", bytes(17_000)) for n in range(3)],
        [(f"{n}.png", small) for n in range(5)],
        [("announced.png", bytes(5 * MIB))],
    ):
        response = served.send(*files)
        assert response.status_code == 413
        assert response.json()["message"].startswith("Too much at a time: 4 files of")
    assert not stub.entered.is_set()


def test_a_body_without_a_length_is_counted_as_it_comes(stub_server) -> None:
    served, _ = stub_server(limits={"file_bytes": MIB, "total_bytes": MIB})
    head = PART.removesuffix(b"%b\r\n") % b"files"

    def endless():
        yield head
        for _ in range(1000):
            yield bytes(1 << 16)

    try:
        status, said = post(served, endless())
        assert status == 413 and said["message"].startswith("Too much at a time")
    except Exception as error:  # the server has hung up while the client was still sending
        assert type(error).__name__ in ("WriteError", "ReadError", "RemoteProtocolError")


def test_too_much_is_told_before_it_has_come(stub_server) -> None:
    served, _ = stub_server(limits={"total_bytes": MIB})
    address = urlsplit(served.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=5)
    connection.putrequest("POST", "/api/predict")
    connection.putheader("Content-Type", "multipart/form-data; boundary=X")
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders(b"--X\r\n")
    response = connection.getresponse()
    assert response.status == 413
    connection.close()


def test_who_sends_too_slowly_is_given_up(stub_server, wait_until) -> None:
    served, _ = stub_server(limits={"silent_seconds": 0.2})
    address = urlsplit(served.url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as slow:
        head = "POST /api/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n"
        slow.sendall(f"{head}Content-Type: multipart/form-data; boundary=X\r\n\r\n--X\r\n".encode())
        assert slow.recv(999).startswith(b"HTTP/1.1 408 ")
    wait_until(lambda: served.service.places.requests == 0)
    assert [path.name for path in served.service.scratch.root.iterdir()] == ["alive"]
