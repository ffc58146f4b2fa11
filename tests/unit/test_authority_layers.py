"""The authority's modules import one way, as the table in its docstring says, and know no terminal and no network."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import anchorline.authority

FOLDER = Path(anchorline.authority.__file__).parent
TABLE = [line.split() for line in (anchorline.authority.__doc__ or "").splitlines() if line.startswith("    ")]
ORDER = [module for _, *modules in TABLE for module in modules]
ELSEWHERE = {"click", "rich", "socket", "ssl", "http", "urllib"}


def imported(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "anchorline.authority":
            yield from (f"anchorline.authority.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_every_module_has_its_place() -> None:
    assert sorted(ORDER) == sorted({path.stem for path in FOLDER.glob("*.py")} - {"__init__"})


def test_modules_import_one_way() -> None:
    below = "anchorline.authority."
    wrong = [
        f"{module}: {name}"
        for module in ORDER
        for name in imported(module)
        if name.startswith(below) and ORDER.index(name.removeprefix(below)) >= ORDER.index(module)
    ]
    assert wrong == []


def test_no_terminal_and_no_network() -> None:
    assert [(module, name) for module in ORDER for name in imported(module) if name.split(".")[0] in ELSEWHERE] == []
