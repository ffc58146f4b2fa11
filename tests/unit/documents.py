"""The documentation, read: its pages, blocks, commands and tables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from anchorline.cli.main import cli

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "lab" / "README.md")
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def blocks(text: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language, content without its indentation."""
    return [
        (language, re.sub(rf"^{indent}", "", body, flags=re.MULTILINE))
        for indent, language, body in _FENCE.findall(text)
    ]


def prose(text: str) -> str:
    return _FENCE.sub("", text)


def commands(text: str) -> Iterator[str]:
    """What a reader is told to type: lines of consoles, and code in the prose."""
    for language, body in blocks(text):
        if language == "console":
            yield from (line[2:].partition(" # ")[0].strip() for line in body.splitlines() if line.startswith("$ "))
    for code in re.findall(r"`([^`\n]+)`", prose(text)):
        yield code.removeprefix(".venv/bin/")


def all_commands(program: str) -> list[str]:
    """Every command line of a program, on all pages."""
    found = {code for page in PAGES for code in commands(page.read_text())}
    return sorted(
        code for code in found if code.startswith(f"{program} ") and re.match(r"[\w. /-]", code[len(program) + 1 :])
    )


def cells(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a line that begins so, without its head."""
    below = text[text.index(heading) :]
    rows = re.findall(r"^\|(.*)\|$", below[: (below.index("\n\n", below.index("\n|---")))], re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in rows[2:]]


def slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def parses(line: str) -> None:
    """Parse a command line of anchorline as click would, without running it. Raises click.UsageError."""
    command: click.Command = cli
    context, words = click.Context(cli, info_name="anchorline"), shlex.split(line)[1:]
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=name)
        if not words:
            break
    if not isinstance(command, click.Group):
        command.make_context(context.info_name, words, parent=context.parent)


def as_table(rows: list[list[str]]) -> str:
    return "\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)
