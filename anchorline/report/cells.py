"""Words of others in a Markdown document: they stay in their cell, and say what they say. Pure.

What Markdown, a table or HTML would take as its own becomes a character reference. No backslash and no backquote is
relied on: forges differ in how a ``|`` is escaped in code within a table, and all agree on HTML's references.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from anchorline.characters import visible

LONGEST = 300
"""Characters of a text; a cause may hold a program's whole output."""
LONGEST_COMMAND = 600
"""A command that is cut serves nobody, so that it may be longer."""
ROWS = 40
"""Rows of a table; more of them nobody reads, and other forms have them."""
FEW = 5
"""Hosts that are named; more are counted."""
_NAMES = 200
"""Characters that the names of hosts take together, the first aside."""

_OURS = r"&<>`*_~[]\|:$"
_CODE = {ord(each): f"&#{ord(each)};" for each in f"{_OURS}@"}
# a word joiner: the reference alone would still call somebody by their name in a merge request
_PROSE = _CODE | {ord("@"): "&#64;&#8288;"}

Item = TypeVar("Item")


def prose(text: str) -> str:
    """A sentence, as it is to be read."""
    return _cut(visible(text), LONGEST).translate(_PROSE)


def code(text: str) -> str:
    """A name or a command, as it is typed."""
    return f"<code>{_cut(visible(text), LONGEST_COMMAND).translate(_CODE)}</code>" if text else ""


def names(hosts: Sequence[str]) -> str:
    """The first few hosts, and how many more there are."""
    shown = [*hosts[:FEW]]
    while len(shown) > 1 and sum(map(len, shown)) > _NAMES:
        shown.pop()
    more = f" and {len(hosts) - len(shown):,} more" if len(hosts) > len(shown) else ""
    return ", ".join(map(code, shown)) + more


def table(head: Sequence[str], items: Sequence[Item], row: Callable[[Item], Sequence[str]], room: int) -> str:
    """A table of so many characters at the most, and what it leaves out counted below it. Nothing of no items.

    ``row`` makes an item's cells, which hold Markdown already.
    """
    lines = [_line(head), _line(["---"] * len(head))]
    left = room - sum(map(len, lines))
    for item in items[:ROWS]:
        line = _line(row(item))
        left -= len(line) + 1
        if left < 0:
            break
        lines.append(line)
    if more := len(items) - (len(lines) - 2):
        lines += ["", f"and {more:,} more, which this report as JSON or as a page names"]
    return "\n".join(lines) if items else ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
