"""Shellcheck over every script as it is put together, for `make lint`: .venv/bin/python -m tests.shellcheck

A shell file alone can't be checked: what it calls stands in another one. The comments, which don't travel, are kept for
the check: an exception stands above the line that it is for, with its reason, `# shellcheck disable=SC2086  # why`.
"""

from __future__ import annotations

import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import anchorline
from anchorline.fleet.scripts import EVERYWHERE, Script

SHELLCHECK = Path(sys.executable).with_name("shellcheck")
UNASSIGNED = "SC2154"
INPUT = re.compile(r': "\$\{(\w+)\?\}"')
"""How a shell file asks for what it must be told: a line for each, below the comment at its head."""
EXCLUDED = {
    "SC2329": "a shared file's functions aren't all called in each script, and some by names that are put together",
    "SC2317": "the same, as unreachable code",
    "SC2016": "a text that another shell runs has that shell's words",
}


@dataclass(frozen=True, order=True)
class Finding:
    """What shellcheck says of a line, in the file that it comes from."""

    file: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"anchorline/{self.file}:{self.line}: {self.code}: {self.message}"


def every_script() -> list[type[Script]]:
    """Every script of the package, by its class."""
    for module in pkgutil.walk_packages(anchorline.__path__, "anchorline."):
        import_module(module.name)
    found = (each for each in _below(Script) if each.sources and each.__module__.startswith("anchorline."))
    return sorted(found, key=lambda each: each.__qualname__)


def _below(kind: type[Script]) -> Iterator[type[Script]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def raw(source: str) -> str:
    """A shell file of ours with its comments."""
    return files("anchorline").joinpath(source).read_text()


def findings(sources: Iterable[str]) -> list[Finding]:
    """What shellcheck says of these files, put together without their inputs."""
    lines = [(source, number, line) for source in sources for number, line in enumerate(raw(source).splitlines(), 1)]
    text = "".join(f"{line}\n" for *_, line in lines)
    found = check(text, f"--exclude={','.join((UNASSIGNED, *EXCLUDED))}")
    return [Finding(*lines[number - 1][:2], code, message) for number, code, message in found]


def unassigned(sources: Iterable[str]) -> set[str]:
    """The variables of these files that nothing in them sets: what they must be told."""
    text = "".join(map(raw, sources))
    # shellcheck takes a name for told that is asked for, or tried with -n or -z
    text = re.sub(r"\[ (! )?-[nz] ", r"[ \1x = ", re.sub(f"(?m)^{INPUT.pattern}$", ":", text))
    return {message.split()[0] for _, _, message in check(text, f"--include={UNASSIGNED}")}


def check(text: str, option: str) -> Iterator[tuple[int, str, str]]:
    """What shellcheck says of a text: the line, the code, the message."""
    command = [str(SHELLCHECK), "--norc", "--shell=sh", "--format=json1", option, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    for each in json.loads(done.stdout)["comments"]:
        yield each["line"], f"SC{each['code']}", each["message"]


def main() -> int:
    found = {each for kind in every_script() for each in findings((*EVERYWHERE, *kind.sources))}
    sys.stdout.write("".join(f"{each}\n" for each in sorted(found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
