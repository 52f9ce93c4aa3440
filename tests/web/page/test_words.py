"""What the page says and computes by itself, without looks."""

from typing import Any

import pytest


def test_outlines_go_round_pixels_and_holes(visit: Any) -> None:
    """A ring of eight pixels, with 12 sides outside and 4 inside, and a pixel of 4 that touches it at a corner."""
    page = visit()
    loops = page.evaluate("""async () => {
        const { loops, middleOf } = await import("./static/contour.js");
        const mask = [1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 1];
        return { lengths: loops(mask, 4, 4).map((loop) => loop.length), middle: middleOf(mask, 4, 4) };
    }""")
    assert sum(loops["lengths"]) == 12 + 4 + 4
    assert 4 in loops["lengths"]
    assert loops["middle"] == {"x": (1.5 * 8 + 3.5) / 9 / 4, "y": (1.5 * 8 + 3.5) / 9 / 4}


@pytest.mark.parametrize(
    ("study", "summary"),
    [
        (
            {"call": "tumor", "pixels": [0], "calls": ["tumor"]},
            "Tumour is likely, but no pixel is sure enough to be marked.",
        ),
        ({"call": "tumor", "pixels": [0, 7], "calls": ["empty", "tumor"]}, "Marked in 1 of 2 slices."),
        (
            {"call": "unsure", "pixels": [0, 3], "calls": ["unsure", "unsure"]},
            "The model abstains. 2 slices may or may not hold tumour. Have a person look. A possible area is marked.",
        ),
        (
            {"call": "empty", "pixels": [1], "calls": ["empty"]},
            "1 pixel is marked, too few or too faint to call it a tumour.",
        ),
        ({"call": "empty", "pixels": [0, 0], "calls": ["empty"] * 2}, "The model finds no tumour in any of 2 slices."),
    ],
)
def test_answers_in_words(study: dict[str, Any], summary: str, visit: Any) -> None:
    """Calls come from calibrated probabilities, marks from a threshold: they can disagree, and then that is said."""
    pixels = study["pixels"]
    slices = [{"call": call, "tumor_pixels": count} for call, count in zip(study["calls"], pixels, strict=True)]
    marked = {"tumor_pixels": sum(pixels), "tumor_slices": sum(count > 0 for count in pixels)}
    summarise = "async (study) => (await import('./static/words.js')).summarise(study)"
    assert visit().evaluate(summarise, {"call": study["call"], "slices": slices, **marked}) == summary


def test_numbers_in_words(visit: Any) -> None:
    words = visit().evaluate("""async () => {
        const { measure, percent, size } = await import("./static/words.js");
        return [
            [0.00001, 0.0105, 0.98912, 0.99999].map(percent),
            [0, 0.0341, 0.567, 5.12, 12.5, 1234].map((value) => measure(value, "mL")),
            [12, 1536, 64 * 2 ** 20, 3e9].map(size),
        ];
    }""")
    assert words == [
        ["< 0.1 %", "1.1 %", "98.9 %", "> 99.9 %"],
        ["0 mL", "0.034 mL", "0.57 mL", "5.1 mL", "13 mL", "1,234 mL"],
        ["12 bytes", "1.5 KiB", "64 MiB", "2.8 GiB"],
    ]
