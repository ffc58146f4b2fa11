"""How the package hangs together, by what its modules say that they import: one way, in no circle, each name once."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.unit.documents import ROOT, cells

PACKAGE = ROOT / "anchorline"
MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def order() -> list[str]:
    return [row[0].strip("`") for row in cells((ROOT / "docs/architecture.md").read_text(), "## Packages")]


def package_of(path: Path) -> str:
    """The package of a module; ours itself, whose docstring alone counts, is before all of them."""
    found = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "errors" if found == "__init__" else found


def packages_imported(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "anchorline":
            _, _, below = node.module.partition(".")
            yield from [below.partition(".")[0]] if below else [alias.name for alias in node.names]


def against(order: Sequence[str], package: str, module: ast.Module) -> list[str]:
    """What a module of a package imports from below it."""
    return [name for name in packages_imported(module) if name in order and order.index(name) > order.index(package)]


def test_packages_import_one_way() -> None:
    """The order of docs/architecture.md."""
    there = {path.stem for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert set(order()) == there - {"__init__", "__pycache__", "py"}
    found = {str(path): against(order(), package_of(path), tree(path)) for path in MODULES}
    assert {path: names for path, names in found.items() if names} == {}


def test_an_import_from_below_is_found() -> None:
    wrong = ast.parse("from anchorline.trust.plan import difference\nfrom anchorline import report")
    assert against(order(), "fleet", wrong) == ["trust", "report"]
    assert against(order(), "verify", wrong) == ["report"]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def at_import(module: ast.Module) -> Iterator[ast.stmt]:
    """What is carried out when a module is imported, with what stands there for types alone."""
    todo: list[ast.stmt] = [*module.body]
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            todo += [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.stmt)]


def files_imported(module: ast.Module, there: Mapping[str, object]) -> set[str]:
    """The modules of ours that one imports, by their whole names."""
    found = set()
    for node in at_import(module):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {full if (full := f"{node.module}.{alias.name}") in there else node.module for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(there)


def circle(modules: Mapping[str, ast.Module]) -> list[str]:
    """The first circle of imports, as the modules on its way; nothing where there is none."""
    try:
        TopologicalSorter({name: files_imported(each, modules) for name, each in modules.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_files_import_in_no_circle() -> None:
    modules = {name_of(path): tree(path) for path in MODULES}
    assert len(modules) >= 100
    assert circle(modules) == []


@pytest.mark.parametrize("back", ["import b.c", "from b import c", "if TYPE_CHECKING:\n    from b.c import C"])
def test_a_circle_is_found(back: str) -> None:
    assert set(circle({"a": ast.parse(back), "b": ast.parse(""), "b.c": ast.parse("from a import A")})) == {"a", "b.c"}
    later = f"def f():\n    {back.splitlines()[-1].strip()}"
    assert circle({"a": ast.parse(later), "b": ast.parse(""), "b.c": ast.parse("from a import A")}) == []


def several(modules: Sequence[ast.Module]) -> list[str]:
    """The names of classes that stand more than once."""
    names = Counter(node.name for each in modules for node in ast.walk(each) if isinstance(node, ast.ClassDef))
    return [name for name, count in names.items() if count > 1]


def test_a_class_name_stands_once() -> None:
    assert several([tree(path) for path in MODULES]) == []
    assert several([ast.parse("class A: ..."), ast.parse("def f():\n    class A: ...")]) == ["A"]
