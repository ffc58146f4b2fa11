"""Whether a fleet accepts any key that a host shows first: what its inventory and group_data say, read as text.

None of it is run: what isn't written as a plain value can't be told, and nothing is said of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from anchorline.authority import disk
from anchorline.errors import AnchorlineError
from anchorline.problem import Health, Place, Problem

CHECKING, KNOWN_HOSTS, KNOWN_HOSTS_FILE = "ssh_strict_host_key_checking", "ssh_known_hosts_file", "known_hosts"
"""pyinfra's names, and ours for the file in the inventory's folder."""
FIRST_KEY = "ANC321"
_ALL = Path("group_data/all.py")
_LENIENT = {"accept-new", "no", "off"}


def accepted(folder: Path) -> Iterator[Problem]:
    """The places of a site at which any first key is accepted. Nothing where there is no inventory."""
    files = sorted(each for name in ("inventory", "group_data") for each in (folder / name).glob("*.py"))
    everywhere = False
    for file in files:
        for value, line in _values(file):
            everywhere |= file == folder / _ALL
            if lenient := _texts(value) & _LENIENT:
                what = f"any key that a host shows first is accepted ({CHECKING} = {', '.join(sorted(lenient))})"
                yield Problem(what, _fix('set it to "yes"'), Place(file, line), Health.WARNING, FIRST_KEY)
    if files and not everywhere:
        what = f"any key that a host shows first is accepted: {CHECKING} isn't set, and pyinfra has accept-new"
        place = Place(folder / _ALL)
        yield Problem(what, _fix(f'write {CHECKING} = "yes" there'), place, Health.WARNING, FIRST_KEY)


def _fix(strict: str) -> str:
    return f'{strict}, with {KNOWN_HOSTS} = "inventory/{KNOWN_HOSTS_FILE}", then: anchorline host-keys --write'


def _values(file: Path) -> Iterator[tuple[ast.expr, int]]:
    """What a file sets it to, each with its line: as a variable, or in a host's data."""
    tree = ast.Module([], [])
    # what Python can't read, pyinfra says
    with suppress(AnchorlineError, SyntaxError, ValueError, RecursionError, MemoryError):
        tree = ast.parse(disk.read(file))
    for node in ast.walk(tree):
        pairs: list[tuple[object, ast.expr | None]] = []
        if isinstance(node, ast.Assign):
            pairs = [(getattr(target, "id", ""), node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign):
            pairs = [(getattr(node.target, "id", ""), node.value)]
        elif isinstance(node, ast.Dict):
            pairs = [(getattr(key, "value", ""), value) for key, value in zip(node.keys, node.values, strict=True)]
        yield from ((value, value.lineno) for name, value in pairs if name == CHECKING and value)


def _texts(value: ast.expr) -> set[str]:
    """Every text that it may be."""
    found = (each.value for each in ast.walk(value) if isinstance(each, ast.Constant))
    return {text for text in found if isinstance(text, str)}
