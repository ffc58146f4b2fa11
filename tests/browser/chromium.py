"""Chromium without a window, started for one purpose and ended after it; it reaches no network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import BrowserContext, sync_playwright

PROGRAM = "/usr/bin/chromium"
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium(width: int = 1400, height: int = 900, *, dark: bool = False, scale: float = 1) -> Iterator[BrowserContext]:
    """A browser with a user's folder of its own, offline. ``scale``: pixels of a picture for each of the page."""
    with TemporaryDirectory(prefix="anchorline-browser-") as folder, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            Path(folder),
            executable_path=PROGRAM,
            headless=True,
            args=_FLAGS,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            device_scale_factor=scale,
            offline=True,
        )
        try:
            yield context
        finally:
            context.close()
