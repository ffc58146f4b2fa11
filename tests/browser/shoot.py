"""A picture of a page: ``python -m tests.browser.shoot page.html out.png --width 1400 --dark``, or ``out.pdf``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.browser.chromium import chromium


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("out", type=Path, help="a PNG, or a PDF as printed on A4")
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--height", type=int, help="cut it there; the whole page without it")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--scale", type=float, default=1, help="pixels of the picture for each of the page")
    said = parser.parse_args()
    with chromium(said.width, said.height or 900, dark=said.dark, scale=said.scale) as context:
        page = context.new_page()
        page.goto(said.page.resolve().as_uri())
        if said.out.suffix == ".pdf":
            page.pdf(path=said.out, format="A4", print_background=True)
        else:
            page.screenshot(path=said.out, full_page=said.height is None)


if __name__ == "__main__":
    main()
