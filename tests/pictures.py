"""The README's pictures, recorded from real runs on the lab: ``python -m tests.pictures``, as root.

Terminals are recorded at a pty and drawn as SVG; pages are photographed in headless Chromium at three widths. One host
is powered off and another's clock is off, so that there is something to see; both are mended at the end.
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from lab import Lab

CHECKOUT = Path(__file__).resolve().parents[1]
PICTURES = CHECKOUT / "docs" / "pictures"
COLUMNS = 110
ANCHORLINE = str(Path(sys.executable).with_name("anchorline"))
LIE = '#!/bin/sh\n[ "$1" = +%s ] && exec /usr/bin/date -d "1 hour ago" +%s || exec /usr/bin/date "$@"\n'
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
    svg = re.sub(r"@font-face \{.*?\}\n?", "", svg, flags=re.DOTALL)
    file.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")


def main() -> None:
    """Deploy to a fresh lab, break it in two ways, and record."""
    lab = Lab.current()
    lab.up(fresh=True)
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("deploy.py", "config.py", "anchorline.yml", "inventory", "group_data", ".lab", "images"):
            (folder / each).symlink_to(CHECKOUT / each)
        deploy = [sys.executable, "-m", "pyinfra", "-y", "inventory/hosts.py", "deploy.py"]
        said = recorded(lab, deploy, folder)
        summary = said[said.index("host", said.index("Disconnecting")) :]
        draw(summary, "pyinfra -y inventory deploy.py", PICTURES / "deploy.svg")
        lab.exec("arch-layout", "cat >/usr/local/bin/date; chmod +x /usr/local/bin/date", input=LIE)
        lab.power_off("debian12")
        try:
            draw(recorded(lab, [ANCHORLINE, "status"], folder), "anchorline status", PICTURES / "status.svg")
            lab.run([ANCHORLINE, "status", "-o", "page.html"], cwd=folder, capture_output=True)
        finally:
            lab.power_on("debian12")
            lab.exec("arch-layout", "rm /usr/local/bin/date")
        for picture, words in SHOTS.items():
            shoot = [
                sys.executable,
                "-m",
                "tests.browser.shoot",
                str(folder / "page.html"),
                str(PICTURES / picture),
                *words,
            ]
            subprocess.run(shoot, cwd=CHECKOUT, check=True)


if __name__ == "__main__":
    main()
