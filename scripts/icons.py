"""Draws the app's icons from its SVG: two sizes, and one whose edge any system may cut off."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

# name: size in pixels, and how much of it the drawing takes. What may be cut off (maskable) has
# its drawing in the inner four fifths, with the ground up to the edge.
ICONS = {"icon-192": (192, 1.0), "icon-512": (512, 1.0), "icon-maskable-512": (512, 0.78)}
GROUND = "#0a6265"
PAGE = """<!doctype html><style>
body {{ margin: 0; display: grid; place-items: center; width: {size}px; height: {size}px;
       background: {ground} }}
img {{ width: {inner}px; height: {inner}px }}
</style><img alt="" src="data:image/svg+xml;utf8,{drawing}">"""


def main(folder: Path) -> None:
    """Write the icons beside their SVG in `folder`."""
    drawing = (folder / "favicon.svg").read_text().strip().replace("#", "%23").replace('"', "'")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, (size, share) in ICONS.items():
            page = browser.new_page(viewport={"width": size, "height": size})
            ground = GROUND if share < 1 else "transparent"
            page.set_content(
                PAGE.format(size=size, inner=round(size * share), ground=ground, drawing=drawing)
            )
            page.screenshot(path=folder / f"{name}.png", omit_background=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
