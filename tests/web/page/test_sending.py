"""How files get to the server, and what the page says when that takes long or goes wrong."""

from pathlib import Path
from typing import Any

import pytest

DROP = """(names) => {
    const transfer = new DataTransfer();
    for (const name of names) transfer.items.add(new File([name], name));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


def failure(page: Any) -> tuple[str, str]:
    page.wait_for_selector("#failure:not([hidden])")
    return page.inner_text("#failure-title"), page.inner_text("#failure-text")


def test_a_sample_is_tried_with_one_click(visit: Any, stub: Any, samples: Path) -> None:
    page = visit()
    page.get_by_role("button", name="A small tumour").click()
    page.wait_for_selector("#answer:not([hidden])")
    assert page.inner_text("#verdict") == "TUMOR"
    assert stub.received == [("small-tumor.png", (samples / "small-tumor.png").read_bytes())]
    page.click("#new")
    assert page.is_visible("#choose") and page.is_hidden("#answer")
    assert page.evaluate("document.activeElement.id") == "pick"


def test_files_of_a_folder_are_sent_with_their_paths(visit: Any, stub: Any, tmp_path: Path, samples: Path) -> None:
    (tmp_path / "head" / "a").mkdir(parents=True)
    content = (samples / "no-tumor.png").read_bytes()
    (tmp_path / "head" / "a" / "1.png").write_bytes(content)
    (tmp_path / "head" / ".DS_Store").write_bytes(b"x")
    page = visit()
    page.set_input_files("#folder", str(tmp_path / "head"))
    page.wait_for_selector("#answer:not([hidden])")
    assert stub.received == [("head/a/1.png", content)]


def test_files_can_be_dropped_anywhere(visit: Any, stub: Any) -> None:
    page = visit()
    page.evaluate(DROP, ["a.tif", "b.tif"])
    assert failure(page)[0] == "None of the files could be used"
    assert stub.received == [("a.tif", b"a.tif"), ("b.tif", b"b.tif")]
    assert page.locator("#refused-list li").count() == 2
    assert "b.tif A slice must be TIFF, PNG, JPEG or BMP" in page.inner_text("#refused-list")


def test_a_folder_can_be_dropped(visit: Any, until: Any, stub: Any, tmp_path: Path, samples: Path) -> None:
    """By the browser's own protocol: what a script makes up has no folders in it."""
    (tmp_path / "head" / "a").mkdir(parents=True)
    (tmp_path / "head" / "a" / "1.png").write_bytes((samples / "no-tumor.png").read_bytes())
    (tmp_path / "head" / "thumbs.db").write_bytes(b"x")
    page = visit()
    drag = {"x": 400, "y": 300, "data": {"items": [], "files": [str(tmp_path / "head")], "dragOperationsMask": 1}}
    protocol = page.context.new_cdp_session(page)
    protocol.send("Input.dispatchDragEvent", {"type": "dragEnter", **drag})
    until(page, "document.body.classList.contains('over')")
    protocol.send("Input.dispatchDragEvent", {"type": "drop", **drag})
    page.wait_for_selector("#answer:not([hidden])")
    assert [name for name, _ in stub.received] == ["head/a/1.png"]
    assert not page.evaluate("document.body.classList.contains('over')")


def test_files_that_could_not_be_used_stand_beside_the_answer(visit: Any, send: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    page = visit()
    send(page, "tumor.tif", tmp_path / "notes.txt")
    assert page.inner_text("#verdict") == "TUMOR"
    assert page.inner_text("#refused-title") == "1 file was not used"
    page.click("#refused-title")
    assert page.inner_text("#refused-list").startswith("notes.txt A slice must be TIFF, PNG, JPEG or BMP")


def test_progress_is_told_and_can_be_cancelled(visit: Any, until: Any, stub: Any, send: Any) -> None:
    stub.pause = 0.3
    page = visit()
    send(page, "head.nii.gz", until="#work")
    assert page.evaluate("document.activeElement.id") == "cancel"
    until(page, "document.getElementById('bar').value > 0.05")
    assert page.inner_text("#work-title") == "Looking for tumour"
    assert page.inner_text("#work-detail").endswith(" %")
    assert page.inner_text("#said") == "Looking for tumour"
    page.click("#cancel")
    assert page.is_visible("#choose") and page.is_hidden("#work")


def test_a_busy_server_is_asked_again(visit: Any, until: Any, stub: Any, send: Any) -> None:
    stub.planned.append((503, {"Retry-After": "1"}, {"message": "The server is busy."}))
    page = visit()
    send(page, "tumor.tif", until="#work")
    until(page, "document.getElementById('work-detail').textContent === 'Trying again in 1 s.'")
    assert page.inner_text("#work-title") == "The server is busy"
    page.wait_for_selector("#answer:not([hidden])")
    assert page.inner_text("#verdict") == "TUMOR"


def test_waiting_for_a_busy_server_can_be_cancelled(visit: Any, until: Any, stub: Any, send: Any) -> None:
    stub.planned.append((503, {"Retry-After": "60"}, {"message": "The server is busy."}))
    page = visit()
    send(page, "tumor.tif", until="#work")
    until(page, "document.getElementById('work-detail').textContent.startsWith('Trying again in')")
    page.click("#cancel")
    page.wait_for_timeout(1100)
    assert page.is_visible("#choose") and stub.received == []


@pytest.mark.parametrize(
    ("status", "title", "again"),
    [
        (413, "That is too much at once", False),
        (415, "Not a kind of file that can be read", False),
        (500, "Something went wrong", True),
        (504, "That took too long", True),
    ],
)
def test_errors_are_said_in_words(
    status: int, title: str, again: bool, visit: Any, stub: Any, send: Any
) -> None:  # fmt: skip
    stub.planned.append((status, {}, {"message": "Why, and what to do."}))
    page = visit()
    send(page, "tumor.tif", until="#failure")
    assert failure(page) == (title, "Why, and what to do.")
    assert page.is_visible("#again") == again
    if again:
        page.click("#again")
        page.wait_for_selector("#answer:not([hidden])")


def test_one_file_that_can_not_be_used_is_told_once(visit: Any, stub: Any, send: Any) -> None:
    refused = [{"name": "tumor.tif", "reason": "truncated", "message": "The file is cut short."}]
    stub.planned.append((422, {}, {"message": "The file is cut short.", "refused": refused}))
    page = visit()
    send(page, "tumor.tif", until="#failure")
    assert failure(page) == ("None of the files could be used", "tumor.tif: The file is cut short.")
    assert page.is_hidden("#refused")


def test_too_large_a_file_is_not_even_sent(visit: Any, until: Any, stub: Any, send: Any) -> None:
    page = visit()
    page.evaluate("""() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(31e6)], "large.tif"));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }""")
    assert failure(page) == (
        "That is too much at once",
        "large.tif has 30 MiB; this server takes files of up to 29 MiB.",
    )
    page.evaluate(DROP, [f"{number}.tif" for number in range(51)])
    until(page, "document.getElementById('failure-text').textContent.startsWith('51 files')")
    assert failure(page)[1] == "51 files are more than this server takes at once: 50."
    assert stub.received == []


def test_a_connection_that_breaks_off_is_said(visit: Any, stub: Any, send: Any) -> None:
    stub.cut = True
    page = visit()
    send(page, "tumor.tif", until="#failure")
    assert failure(page) == ("No connection", "The connection ended before the answer had come.")


def test_a_server_that_is_gone_is_said(visit: Any, send: Any) -> None:
    page = visit()
    page.route("**/api/predict*", lambda route: route.abort("connectionrefused"))
    send(page, "tumor.tif", until="#failure")
    assert failure(page) == ("No connection", "The server does not answer. Is “gliaflow serve” still running?")


def test_a_token_is_asked_for_and_kept_in_memory_only(visit: Any, until: Any, stub: Any, send: Any) -> None:
    stub.token = "a secret"
    page = visit()
    send(page, "tumor.tif", until="#ask[open]")
    page.fill("#token", "a guess")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="That token was not accepted").wait_for()
    page.fill("#token", "a secret")
    page.get_by_role("button", name="Use it").click()
    page.wait_for_selector("#answer:not([hidden])")
    send(page, "no-tumor.png")
    until(page, "document.getElementById('verdict').textContent === 'NO TUMOR'")
    assert "secret" not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")


def test_without_a_token_there_is_no_answer(visit: Any, stub: Any, send: Any) -> None:
    stub.token = "a secret"
    page = visit()
    send(page, "tumor.tif", until="#ask[open]")
    page.keyboard.press("Escape")
    assert failure(page) == ("A token is needed", "A token is needed.")
