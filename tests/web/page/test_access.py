"""Whether everybody can use the page: with a keyboard, a screen reader, a phone, in light and in dark."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PHONE = {"width": 360, "height": 740}


def shown(page: Any) -> tuple[int, ...]:
    """The paper's colour."""
    said = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return tuple(int(part) for part in said.removeprefix("rgb(").removesuffix(")").split(","))


@pytest.fixture
def states(stub: Any, send: Any, tmp_path: Path) -> dict[str, Callable[[Any], None]]:
    """What the page can be brought to."""
    notes = tmp_path / "notes.txt"
    notes.write_text("no picture")

    def unsure(page: Any) -> None:
        stub.warnings, stub.remarks = ["Unlike the 60 training patients."], ["One channel: taken for FLAIR."]
        send(page, "edge-of-a-tumor.png")

    def fail(page: Any) -> None:
        send(page, notes, until="#failure")

    def wait(page: Any) -> None:
        stub.pause = 5
        send(page, "tumor.tif", until="#work")

    def token(page: Any) -> None:
        stub.token = "x"
        send(page, "tumor.tif", until="#ask[open]")

    return {
        "empty": lambda page: page.wait_for_selector("#sample-list li"),
        "tumor": lambda page: send(page, "tumor.tif"),
        "none": lambda page: send(page, "no-tumor.png"),
        "unsure": unsure,
        "volume": lambda page: send(page, "head.nii.gz"),
        "several": lambda page: send(page, "head.nii.gz", "no-tumor.png", "edge-of-a-tumor.png", "tumor.tif", notes),
        "failure": fail,
        "waiting": wait,
        "token": token,
        "card": lambda page: page.click("#open-card-below"),
        "keys": lambda page: page.click("#open-keys"),
    }


def test_every_state_is_accessible_by_light_and_dark_and_fits_a_phone(visit: Any, stub: Any, states: Any) -> None:
    """In one round, as it takes long to bring the page to each: what axe finds, and what is wider than a phone."""
    from axe_playwright_python.sync_playwright import Axe

    axe, faults, wider = Axe(), {}, {}
    for state, reach in states.items():
        stub.reset()
        page = visit(color_scheme="light", reduced_motion="reduce")
        reach(page)
        light = axe.run(page).response
        assert len(light["passes"]) > 15, "axe looked at the page"
        page.emulate_media(color_scheme="dark")
        dark = axe.run(page, options={"runOnly": ["color-contrast"]}).response  # what else there is was seen by light
        assert dark["passes"], "axe looked at colours"
        found = [*light["violations"], *dark["violations"]]
        faults[state] = [(fault["id"], [node["target"] for node in fault["nodes"]]) for fault in found]
        page.set_viewport_size(PHONE)
        assert page.inner_text(".notice") == "Research use only. Not a medical device."
        wider[state] = page.evaluate("document.documentElement.scrollWidth") - PHONE["width"]
    assert {state: found for state, found in faults.items() if found} == {}
    assert {state: pixels for state, pixels in wider.items() if pixels > 0} == {}


def test_the_verdict_and_the_picture_come_first_on_a_phone(visit: Any, send: Any) -> None:
    page = visit(viewport=PHONE, has_touch=True)
    send(page, "tumor.tif")
    tops = [page.locator(part).bounding_box()["y"] for part in ("#verdict", "#slice", "#chance")]
    assert tops == sorted(tops)
    assert page.locator("#slice").bounding_box()["y"] < PHONE["height"] / 2


def test_the_notice_stays_in_sight(visit: Any, send: Any) -> None:
    page = visit(viewport=PHONE)
    send(page, "head.nii.gz")
    page.evaluate("window.scrollTo(0, 400)")
    assert page.locator(".notice").bounding_box()["y"] == 0


def test_colours_follow_the_system_until_chosen(visit: Any) -> None:
    page = visit(color_scheme="dark")
    assert max(shown(page)) < 40
    assert page.get_attribute("#theme", "aria-pressed") == "true"
    page.emulate_media(color_scheme="light")
    assert min(shown(page)) > 240
    page.click("#theme")
    assert max(shown(page)) < 40
    page.reload()
    assert max(shown(page)) < 40
    assert page.get_attribute("#theme", "aria-pressed") == "true"


def test_everything_goes_by_keyboard(visit: Any) -> None:
    """From the top of the page to an answer, through its slices, and back, without a pointer."""
    page = visit()
    page.wait_for_selector("#sample-list li")

    def tab_to(name: str, most: int = 40) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id || document.activeElement.textContent").startswith(name):
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline == "solid", f"{name} does not show that it has the focus"
                return
        raise AssertionError(f"Tab does not reach {name}")

    tab_to("Skip to the content")
    tab_to("pick")
    tab_to("A whole head")
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer:not([hidden])")
    assert page.evaluate("document.activeElement.id") == "verdict"
    tab_to("slice")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#where") == "Slice 5 of 21"
    page.keyboard.press("End")
    assert page.inner_text("#where") == "Slice 21 of 21"
    page.keyboard.press("l")
    assert page.inner_text("#where") == "Slice 6 of 21"
    page.keyboard.press("+")
    assert page.is_visible("#zoom-fit")
    page.keyboard.press("]")
    assert page.input_value("#opacity") == "40"
    tab_to("save-mask")
    tab_to("new")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "pick"


def test_motion_is_left_out_where_it_is_not_wanted(visit: Any, stub: Any, send: Any) -> None:
    stub.pause = 3
    page = visit(reduced_motion="reduce")
    send(page, "tumor.tif", until="#work")
    assert page.evaluate("getComputedStyle(document.getElementById('bar')).animationName") == "none"


def test_the_model_card_is_read_as_text(visit: Any) -> None:
    page = visit()
    page.click("#open-card")
    card = page.locator("#card-text")
    assert card.locator("h3").inner_text() == "Model card: a network"
    assert card.locator("b").inner_text() == "finds"
    assert card.locator("li code").inner_text() == "p >= 0.5"
    assert card.locator("td").all_inner_texts() == ["Dice", "0.942"]
    page.keyboard.press("Escape")
    assert page.is_hidden("#card")
