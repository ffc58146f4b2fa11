"""What travels between control and a host: the probes as one script, and its answer taken apart by probe. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anchorline.fleet.machines import MachineProbe
from anchorline.fleet.probe import Question
from anchorline.fleet.scripts import PRELUDE

END, CLOCK, MACHINE = "=== end", "clock", "machine"


def join(questions: Mapping[str, Question]) -> tuple[str, str]:
    """One script that answers all questions, each under its room's name, and the data for its standard input."""
    parts = [PRELUDE, "data=$(cat)\n"]
    for name, question in questions.items():
        own = question.script.removeprefix(PRELUDE)
        parts.append(f"echo '=== {name}'\n(\n{own}) </dev/null\n")
    parts.append(f"echo '=== {CLOCK}'; date +%s\n")
    parts.append(f"echo '=== {MACHINE}'; {{\n{MachineProbe().body}}} 2>/dev/null\n")
    parts.append(f"echo '{END}'\n")
    data = "".join(f"{line}\n" for question in questions.values() for line in question.data)
    return "".join(parts), data or "\n"


def split(lines: Sequence[str]) -> dict[str, list[str]]:
    """The answer to a joined script, by room. Raises ValueError for half an answer: unknown is not empty."""
    if END not in lines:
        raise ValueError("the answer broke off")
    answers: dict[str, list[str]] = {}
    for line in lines[: lines.index(END)]:
        if line.startswith("=== "):
            answers[line.removeprefix("=== ")] = current = []
        elif answers:
            current.append(line)
    return answers
