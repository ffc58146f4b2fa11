"""The README's pictures, recorded from real runs on the lab: ``python -m tests.pictures``, as root.

Terminals are recorded at a pty and drawn as SVG; pages are photographed in headless Chromium at three widths, and once
for each way in which the tests break the lab.
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from lab import Lab
from tests.fleet.breaks import BREAKS
from tests.fleet.conftest import Site

CHECKOUT = Path(__file__).resolve().parents[1]
PICTURES = CHECKOUT / "docs" / "pictures"
COLUMNS = 110
SHOTS = {
    "page-1400.png": ("--width", "1400", "--height", "1500"),
    "page-820-dark.png": ("--width", "820", "--height", "1500", "--dark"),
    "page-360.png": ("--width", "360", "--height", "1500"),
}


def recorded(lab: Lab, command: list[str], folder: Path) -> str:
    """What a terminal of ``COLUMNS`` shows of a command's run in the lab's network."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        words = list(map(str, lab.command(command)))
        os.execvpe(words[0], words, {**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"})
    said = b""
    while True:
        try:
            said += os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
    os.waitpid(child, 0)
    os.close(terminal)
    return said.decode()


def draw(said: str, title: str, file: Path) -> None:
    """What a terminal showed, as SVG in the fonts that a reader has."""
    text = re.sub(r"\x1b\[\?25[lh]|\x1b\[2K|\x1b\[1A|\r", "", said.replace("\r\n", "\n"))
    lines = [line for line in text.splitlines() if "━" not in line and not line.startswith("-->")]
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi("\n".join(lines).strip("\n")))
    svg = console.export_svg(title=title, theme=MONOKAI)
    svg = re.sub(r"@font-face \{.*?\}\n?|<!--.*?-->", "", svg, flags=re.DOTALL)
    file.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")


def shoot(page: Path, picture: Path, *words: str) -> None:
    command = [sys.executable, "-m", "tests.browser.shoot", str(page), str(picture), *words]
    subprocess.run(command, cwd=CHECKOUT, check=True)


def main() -> None:
    """Deploy to a fresh lab and record; then each way in which the tests break it."""
    lab = Lab.current()
    lab.up(fresh=True)
    (PICTURES / "states").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        site = Site(Path(name), lab)
        page = site.folder / "page.html"
        said = recorded(lab, site.command("-y", "inventory", "deploy.py"), site.folder)
        end = said.rpartition("Disconnecting from hosts...")[2]
        draw(end, "pyinfra -y inventory deploy.py", PICTURES / "deploy.svg")
        with BREAKS["a host is down"](site), BREAKS["a clock is off"](site):
            draw(recorded(lab, [site.anchorline, "status"], site.folder), "anchorline status", PICTURES / "status.svg")
            lab.run([site.anchorline, "status", "-o", page], cwd=site.folder, capture_output=True)
            for picture, words in SHOTS.items():
                shoot(page, PICTURES / picture, *words)
        ways: dict[str, Callable[[Site], AbstractContextManager[None]]] = {"good": lambda _: nullcontext(), **BREAKS}
        for what, way in ways.items():
            with way(site):
                lab.run([site.anchorline, "status", "-o", page], cwd=site.folder, capture_output=True)
                shoot(page, PICTURES / "states" / f"{what.replace(' ', '-').strip('/')}.png", "--width", "1000")


if __name__ == "__main__":
    main()
