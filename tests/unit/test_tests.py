"""How the tests hang together: a test module gives nothing to another module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
MODULES = sorted(TESTS.rglob("*.py"))


def taken(module: ast.Module) -> Iterator[str]:
    """The test modules that a module imports, or imports from, wherever it does so."""
    for node in ast.walk(module):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module or ''}.{each.name}" for each in node.names]
        yield from (each for each in names if any(part.startswith("test_") for part in each.split(".")))


def test_no_module_takes_anything_from_a_test_module() -> None:
    """What several need stands in a module of helpers, or is a fixture in conftest.py."""
    assert len(MODULES) >= 100
    found = {str(path.relative_to(TESTS)): [*taken(ast.parse(path.read_text()))] for path in MODULES}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from tests.fleet.test_lab import cli", True),
        ("from .test_families import Root", True),
        ("from . import test_families", True),
        ("import tests.cli.test_pki as pki", True),
        ("def f():\n    from tests.cli.test_pki import pki", True),
        ("from tests.fleet.conftest import Site\nfrom .site import Site", False),
    ],
)
def test_an_import_of_a_test_module_is_found(text: str, *, found: bool) -> None:
    assert bool([*taken(ast.parse(text))]) == found
