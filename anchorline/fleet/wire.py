"""What travels between control and a host: the probes as one script, and its answer taken apart by probe. Pure.

The answer is framed by a random word that travels on standard input, where no user of the host sees it: nothing that a
script prints can pass for a frame.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anchorline.fleet.machines import MachineProbe
from anchorline.fleet.probe import Question
from anchorline.fleet.scripts import PRELUDE, Script, source

CLOCK, MACHINE = "clock", "machine"
LARGEST, LONGEST, MOST = 4 << 20, 64 << 10, 100_000
"""Bounds of an answer: its bytes, those of a line, and its lines."""
_END = "end"


@dataclass(frozen=True, kw_only=True)
class Bounded(Script):
    """Runs the script ``look`` within bounds: ``seconds``, and bytes that it may print."""

    seconds: int
    largest: int
    sources = ("fleet/shell/bounded.sh",)
    surrounding = ("look",)


def new_frame() -> str:
    """A word for one answer, which nobody on the host can guess."""
    return secrets.token_hex(16)


def join(questions: Mapping[str, Question], frame: str, seconds: int) -> tuple[str, str]:
    """One script that answers all questions, each under its room's name, and what goes to its standard input.

    What it has begun on the host ends with it, after so many seconds at the latest.
    """
    # what encloses it has set the PATH
    parts = [
        source("fleet/shell/places.sh"),
        'read -r frame\ndata=$(cat)\nframed() { printf \'=== %s %s\\n\' "$frame" "$1"; }\n',
    ]
    for name, question in questions.items():
        own = question.script.removeprefix(PRELUDE)
        parts.append(f"framed {name}\n(\n{own}) </dev/null\n")
    parts.append(f"framed {CLOCK}; date +%s\n")
    parts.append(f"framed {MACHINE}; {{\n{MachineProbe().body}}} 2>/dev/null\n")
    parts.append(f"framed {_END}\n")
    look = "".join(["look=$(cat <<'END OF THE LOOK'\n", *parts, "END OF THE LOOK\n)\n"])
    data = "".join(f"{line}\n" for question in questions.values() for line in question.data)
    return PRELUDE + look + Bounded(seconds=seconds, largest=LARGEST).body, f"{frame}\n{data}"


def begins(line: str, frame: str) -> bool:
    """Whether a line of an answer begins a room's part."""
    return line.startswith(f"=== {frame} ")


def split(lines: Sequence[str], frame: str) -> dict[str, list[str]]:
    """The answer to a joined script, by room. Raises ValueError for half an answer: unknown is not empty."""
    answers: dict[str, list[str]] = {}
    for line in lines:
        if begins(line, frame):
            answers[line.rpartition(" ")[2]] = current = []
        elif answers:
            current.append(line)
    if _END not in answers:
        raise ValueError("the answer broke off")
    return answers
