"""Calls that have another name now, in the text of a Python file: found by its syntax, changed byte by byte. Pure."""

from __future__ import annotations

import ast
import codecs
from dataclasses import dataclass, field
from pathlib import Path

from anchorline.errors import AnchorlineError
from anchorline.problem import Place, Problem, in_order
from anchorline.renamed import RENAMED

_TOP = "anchorline"


def rewritten(content: bytes, file: Path) -> tuple[bytes, tuple[str, ...], list[Problem]]:
    """The file with the names of ``RENAMED`` changed; what was changed, a line each; and what a program had better not
    change.

    Raises AnchorlineError where the file is no Python in UTF-8.
    """
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    text = content.removeprefix(mark)
    try:
        tree = ast.parse(text.decode(), filename=str(file))
    except UnicodeDecodeError:
        raise AnchorlineError("this isn't UTF-8", "write it in UTF-8, then run this again", Place(file)) from None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", 0) or 0
        cause = getattr(error, "msg", "") or str(error)
        raise AnchorlineError(
            f"Python can't read it: {cause}", "fix the line, then run this again", Place(file, line)
        ) from None
    found = _Found(tree, file)
    said = dict.fromkeys(what for _, what in sorted(found.said))
    return mark + _applied(text, found.edits), tuple(said), list(in_order(found.left))


@dataclass(frozen=True, order=True)
class _Edit:
    """``old`` becomes ``new`` at ``column``, in bytes, of a line counted from 1."""

    line: int
    column: int
    old: str
    new: str


@dataclass
class _Found:
    """``packages``: which of ours a local name is. ``edits``, and what is ``said`` of them by their line;
    ``left`` is for a person."""

    tree: ast.Module
    file: Path
    packages: dict[str, str] = field(default_factory=dict)
    edits: set[_Edit] = field(default_factory=set)
    said: list[tuple[int, str]] = field(default_factory=list)
    left: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        nodes = list(ast.walk(self.tree))
        imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
        for each in imports:
            if each.module and each.module.partition(".")[0] == _TOP:
                self.packages |= {alias.asname or alias.name: f"{each.module}.{alias.name}" for alias in each.names}
        for plain in (node for node in nodes if isinstance(node, ast.Import)):
            self.packages |= {alias.asname: alias.name for alias in plain.names if alias.asname}
        for each in imports:
            self._imported(each)
        for node in nodes:
            if isinstance(node, ast.Attribute) and (package := self._package(node.value)):
                self._attribute(node, package, imports)

    def _package(self, node: ast.expr) -> str:
        """The package of ours that an expression is, or nothing."""
        if isinstance(node, ast.Name):
            return self.packages.get(node.id, _TOP if node.id == _TOP else "")
        if isinstance(node, ast.Attribute) and (above := self._package(node.value)):
            return f"{above}.{node.attr}"
        return ""

    def _attribute(self, node: ast.Attribute, package: str, imports: list[ast.ImportFrom]) -> None:
        new = RENAMED.get(old := f"{package}.{node.attr}")
        if new is None or node.end_lineno is None or node.end_col_offset is None:
            return
        home, _, name = new.rpartition(".")
        if home != package:
            value = node.value
            short = home.removeprefix(f"{_TOP}.")
            if not (isinstance(value, ast.Name) and self._imports(short, imports)):
                self._by_hand(node.lineno, old, new)
                return
            self.edits.add(_Edit(value.lineno, value.col_offset, value.id, short))
        self.edits.add(_Edit(node.end_lineno, node.end_col_offset - len(node.attr.encode()), node.attr, name))
        self.said.append((node.lineno, f"{_short(old)} is {_short(new)} now"))

    def _imported(self, node: ast.ImportFrom) -> None:
        """``from anchorline.fleet import look``: under its old name here, so that nothing else changes."""
        for alias in node.names:
            new = RENAMED.get(old := f"{node.module}.{alias.name}")
            if new is None:
                continue
            home, _, name = new.rpartition(".")
            if home != node.module:
                self._by_hand(alias.lineno, old, new)
                continue
            here = "" if alias.asname else f" as {alias.name}"
            self.edits.add(_Edit(alias.lineno, alias.col_offset, alias.name, f"{name}{here}"))
            self.said.append((alias.lineno, f"{_short(old)} is {_short(new)} now"))

    def _imports(self, short: str, imports: list[ast.ImportFrom]) -> bool:
        """Have the package imported beside the others. False where its name is taken, or there is no such import."""
        if short in self.packages:
            return self.packages[short] == f"{_TOP}.{short}"
        bound = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        ours = [each for each in imports if each.module == _TOP and each in self.tree.body]
        if short in bound or not ours or ours[0].names[0].name == "*":
            return False
        names = ours[0].names
        after = next((alias for alias in names if alias.name > short), None)
        if after:
            self.edits.add(_Edit(after.lineno, after.col_offset, "", f"{short}, "))
        elif (last := names[-1]).end_lineno is not None and last.end_col_offset is not None:
            self.edits.add(_Edit(last.end_lineno, last.end_col_offset, "", f", {short}"))
        self.packages[short] = f"{_TOP}.{short}"
        return True

    def _by_hand(self, line: int, old: str, new: str) -> None:
        fix = "write it there by hand, then run this again"
        self.left.append(Problem(f"{old} is {new} now", fix, Place(self.file, line)))


def _short(name: str) -> str:
    return name.removeprefix(f"{_TOP}.")


def _applied(content: bytes, edits: set[_Edit]) -> bytes:
    """The edits made, from the last to the first. Columns are of UTF-8, which the content is."""
    lines = content.splitlines(keepends=True)  # bytes are split as Python counts lines: at LF, CR and CRLF alone
    for each in sorted(edits, reverse=True):
        line, end = lines[each.line - 1], each.column + len(each.old.encode())
        assert line[each.column : end] == each.old.encode()  # noqa: S101 (or a name would be cut in two)
        lines[each.line - 1] = line[: each.column] + each.new.encode() + line[end:]
    return b"".join(lines)
