"""YAML and TOML of others: read within bounds into plain values, changed by a library that keeps comments and order.
Pure.

Whatever a text holds, the outcome is a value or a MergeError, and its message is of our own words: a parser's quote
what stands in the file, which may be a password.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from io import StringIO
from itertools import pairwise
from typing import Any

import tomlkit
import yaml
from ruamel.yaml import YAML

from anchorline.problem import ProblemError

Document = MutableMapping[str, Any]

LEFT = "fix it, it was left as it is"
PLAINLY = "write the place of our entry without aliases, merge keys, dotted keys and scattered tables"

BOM = "\ufeff"

LARGEST = 128 * 1024
"""Bytes. Within these bounds the worst file takes a few seconds; no such file comes near to them."""
MOST_VALUES = 10_000
"""With what aliases repeat."""
MOST_ALIASES = 100
MOST_DOTS = 1_000
"""Of a TOML's keys: tomlkit reads them all again with each."""
DEEPEST = 20

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE = re.compile(r"\(at line (\d+), column \d+\)$")
_TOML_TEXT = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"""|\Z)' r"|'''.*?(?:'''|\Z)" r'|"(?:\\.|[^"\\\n])*"?' r"|'[^'\n]*'?" r"|#[^\n]*", re.DOTALL
)
"""What isn't keys: strings and comments, also those that don't end."""
_YAML_HEAD = re.compile(r"\A(?:[ \t]*(?:#[^\n]*)?\n)*---[ \t]*\n")
_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (RecursionError, "it is nested too deep"),
    (tomllib.TOMLDecodeError, "it isn't valid TOML"),
    (yaml.constructor.ConstructorError, "it has a tag or a key that such a file doesn't have"),
    (yaml.YAMLError, "it isn't valid YAML"),
    (ValueError, "it has a number or a date that is none"),
)
"""What is wrong with a file, by the exception of its parser."""


class MergeError(ProblemError):
    """Why a file can't be merged: it doesn't parse, or it says something else already. Names the place in it, and never
    what stands there."""


class _RefusedError(Exception):
    """What is wrong with a text, in words of ours."""

    def __init__(self, cause: str, line: int = 0) -> None:
        super().__init__(cause)
        self.line = line


def is_toml(path: str) -> bool:
    """Which of the two formats a path's file has."""
    return path.endswith(".toml")


def read(text: str, path: str) -> dict[Any, Any]:
    """What a text says, in plain dicts and lists of which none stands twice. Raises MergeError."""
    # raised behind the handler, so that no context of the error holds the parser's, which quotes the file
    try:
        return _bounded(text.removeprefix(BOM), _read_toml if is_toml(path) else _read_yaml)
    except _RefusedError as error:
        cause, line = str(error), error.line
    except Exception as error:  # as in `changed`
        cause = next((said for kind, said in _KINDS if isinstance(error, kind)), "it can't be read")
        line = _line(error, text)
    raise MergeError(f"{path}{f', line {line}' if line else ''}: {cause}", LEFT)


def changed(text: str, path: str, wanted: Mapping[Any, Any], change: Callable[[Document], object]) -> str:
    """The text that says what is ``wanted``, which is what ``change`` makes of its document. Raises MergeError.

    What is new goes to the end of the file where that says so, and is cut off there byte for byte, whereby mappings
    stay that were empty before; else the library changes the document.
    """
    has = read(text, path)
    newline = "\r\n" if text.count("\n") == text.count("\r\n") > 0 else "\n"
    ways: tuple[tuple[Callable[[], str], Callable[[Any], Any]], ...] = (
        (lambda: _appended(text, path, newline, _beyond(wanted, has)), exactly),
        (lambda: _cut(text, path, newline, _beyond(has, wanted)), _filled),
        (lambda: _edited(text, path, newline, change), exactly),
        (lambda: _edited(text, path, newline, change), _filled),  # dotted keys can't say that a mapping is empty
    )
    for way, sense in ways:
        with suppress(Exception):  # a library raises anything for a text that its author didn't think of
            new = way()
            if new != text and sense(read(new, path)) == sense(wanted):
                return new
    raise MergeError(f"{path}: our entry doesn't fit into its form", PLAINLY)


def _beyond(more: Mapping[Any, Any], less: Mapping[Any, Any]) -> dict[Any, Any]:
    """The entries that the first has and the second lacks."""
    new = {}
    for key, value in more.items():
        if key not in less:
            new[key] = value
        elif isinstance(value, dict) and isinstance(less[key], dict) and (inner := _beyond(value, less[key])):
            new[key] = inner
    return new


def _filled(value: Any) -> Any:
    """The same as `exactly` without the mappings of a mapping that are empty, or come to be."""
    if isinstance(value, list):
        return [_filled(each) for each in value]
    if not isinstance(value, dict):
        return exactly(value)
    return {exactly(key): kept for key, each in value.items() if (kept := _filled(each)) != {}}


def _appended(text: str, path: str, newline: str, new: Mapping[Any, Any]) -> str:
    # the line break goes with what it is before, so that a last line that has none gets its own back
    return text + newline * bool(text) + _written(new, path).replace("\n", newline)


def _cut(text: str, path: str, newline: str, old: Mapping[Any, Any]) -> str:
    piece = _written(old, path).replace("\n", newline)
    return "" if text == piece else text.removesuffix(newline + piece)


def _written(entries: Mapping[Any, Any], path: str) -> str:
    if is_toml(path):
        return tomlkit.dumps(entries)
    out = StringIO()
    _round_trip().dump(entries, out)
    return out.getvalue()


def _edited(text: str, path: str, newline: str, change: Callable[[Document], object]) -> str:
    bom = BOM * text.startswith(BOM)
    plain = text.removeprefix(bom).replace(newline, "\n")
    plain += "\n" * (not plain.endswith("\n"))
    new = (_toml_edited if is_toml(path) else _yaml_edited)(plain, change)
    lost = Counter(comments(plain, path)) - Counter(comments(new, path))
    new += "".join(f"{each}\n" for each in lost.elements())
    return bom + new.replace("\n", newline) if new.strip() else ""


def comments(text: str, path: str) -> list[str]:
    """The comments of a text that has been read, in some order."""
    text = text.removeprefix(BOM)
    if is_toml(path):
        return sorted(each for each in _TOML_TEXT.findall(text) if each.startswith("#"))
    tokens = list(yaml.scan(text, _LOADER))
    gaps = (text[one.end_mark.index : next_.start_mark.index] for one, next_ in pairwise(tokens))
    return sorted(each.rstrip() for gap in gaps for each in re.findall("#.*", gap))


def exactly(value: Any) -> Any:
    """What compares equal for the same values of the same types alone: 1 is neither true nor 1.0."""
    if isinstance(value, dict):
        return {(type(key).__name__, str(key)): exactly(each) for key, each in value.items()}
    return [exactly(each) for each in value] if isinstance(value, list) else (type(value).__name__, repr(value))


def unshared(value: Any) -> Any:
    """A copy in which no dict and no list stands twice."""
    if isinstance(value, dict):
        return {key: unshared(each) for key, each in value.items()}
    return [unshared(each) for each in value] if isinstance(value, list) else value


def _line(error: Exception, text: str) -> int:
    """The line that an exception tells, counted from 1; 0 where it tells none."""
    last = text.rstrip("\n").count("\n") + 1  # what is missing at the end, a parser finds behind it
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        return min(mark.line + 1, last) if mark else 0
    if isinstance(error, tomllib.TOMLDecodeError):
        found = _LINE.search(str(error))
        return min(int(found[1]), last) if found else last
    return 0


def _bounded(text: str, parse: Callable[[str], Any]) -> dict[Any, Any]:
    if len(text.encode()) > LARGEST:
        raise _RefusedError(f"it has more than {LARGEST:,} bytes")
    if found := _CONTROL.search(text):
        raise _RefusedError("it has a control character", text.count("\n", 0, found.start()) + 1)
    document = parse(text)
    if not isinstance(document, dict):
        raise _RefusedError("it isn't a mapping", 1)
    left, values = [(document, 1)], 0
    while left:
        value, depth = left.pop()
        values += 1
        if depth > DEEPEST:
            raise _RefusedError(f"it is nested deeper than {DEEPEST}")
        if values > MOST_VALUES:
            raise _RefusedError(f"it has more than {MOST_VALUES:,} values")
        if isinstance(value, dict | list):
            left += [(each, depth + 1) for each in (value.values() if isinstance(value, dict) else value)]
    return unshared(document)  # type: ignore[no-any-return]


def _read_toml(text: str) -> Any:
    if _TOML_TEXT.sub("", text).count(".") > MOST_DOTS:
        raise _RefusedError(f"it has more than {MOST_DOTS:,} dots in its keys")
    return tomllib.loads(text)


def _toml_edited(text: str, change: Callable[[Document], object]) -> str:
    document = tomlkit.parse(text)
    change(document)
    return tomlkit.dumps(document)


def _read_yaml(text: str) -> Any:
    _weigh(text)
    loader = _LOADER(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return {}
        _refuse_twins(root)
        document = loader.construct_document(root)
        return {} if document is None else document
    finally:
        loader.dispose()


def _weigh(text: str) -> None:
    """Count before anything is made of the text: an alias weighs what its anchor does."""
    open_: list[tuple[str | None, int]] = []
    weights: dict[str, int] = {}
    total = aliases = documents = 0
    for event in yaml.parse(text, _LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 0
        anchor, weight = getattr(event, "anchor", None), 0
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _RefusedError("it has several documents", line)
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
            if aliases > MOST_ALIASES:
                raise _RefusedError(f"it has more than {MOST_ALIASES} aliases", line)
            if event.anchor not in weights:
                raise _RefusedError("it has an alias without its anchor before it", line)
            anchor, weight = None, weights[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append((anchor, total))
            if len(open_) > DEEPEST:
                raise _RefusedError(f"it is nested deeper than {DEEPEST}", line)
            anchor, weight = None, 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor:
                weights[anchor] = total - before
            anchor = None
        elif isinstance(event, yaml.ScalarEvent):
            weight = 1
        total += weight
        if anchor:
            weights[anchor] = weight
        if total > MOST_VALUES:
            raise _RefusedError(f"it has more than {MOST_VALUES:,} values", line)


def _refuse_twins(root: yaml.Node) -> None:
    """Of two entries with one key PyYAML takes the last, and Go's parsers none."""
    left, seen = [root], set()
    while left:
        node = left.pop()
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))
        if not isinstance(node, yaml.MappingNode):
            left += node.value
            continue
        keys = set()
        for key, value in node.value:
            left += [key, value]
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in keys:
                    raise _RefusedError("a key stands twice", key.start_mark.line + 1)
                keys.add((key.tag, key.value))


def _yaml_edited(text: str, change: Callable[[Document], object]) -> str:
    # ruamel loses what stands before the document
    head = found[0] if (found := _YAML_HEAD.match(text)) else ""
    yaml_ = _round_trip()
    document = yaml_.load(text.removeprefix(head))
    change(document)
    out = StringIO()
    if document:
        yaml_.dump(document, out)
    return head + out.getvalue()


def _round_trip() -> Any:
    yaml_ = YAML()
    yaml_.preserve_quotes = True
    yaml_.width = 4096  # or long lines of others are folded
    return yaml_
