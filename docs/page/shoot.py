"""Take the pictures of the web page that the README and docs show, of made-up patients, from a server that is up:

    gliaflow serve MODEL & python docs/page/shoot.py http://127.0.0.1:8000 docs/page

Needs Chromium and playwright. Serve a model that was trained on a phantom or on real patients; the samples are made up.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
SHOTS = {  # name: sample (None for none yet), colours, size
    "start": (None, "light", DESKTOP),
    "tumor": ("A clear tumour", "light", DESKTOP),
    "none": ("No tumour", "light", DESKTOP),
    "unsure": ("The very edge", "dark", DESKTOP),
    "volume": ("A whole head", "dark", DESKTOP),
    "phone": ("A clear tumour", "dark", PHONE),
}


def main(address: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"],
        )
        for name, (sample, colours, size) in SHOTS.items():
            page = browser.new_page(viewport=size, color_scheme=colours)
            page.goto(address)
            page.wait_for_selector("#sample-list li")
            if sample:
                page.get_by_role("button", name=sample).click()
                page.wait_for_selector("#answer:not([hidden])")
            shoot(page, folder / f"{name}.png")
            if name == "volume" and page.is_visible("#planes-open"):
                page.click("#planes-open")
                page.wait_for_selector("#planes[data-shown]")
                shoot(page, folder / "planes.png")
            page.close()
        browser.close()


def shoot(page: Any, path: Path) -> None:
    page.wait_for_timeout(600)  # what moves has come to rest
    page.screenshot(path=str(path))
    sys.stdout.write(f"{path}: {path.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
