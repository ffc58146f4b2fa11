"""YAML and JSON files as plain data that remembers its lines.

Every scalar stays the text that was written: the model knows which type it wants, so ``C: NO`` is Norway and
``CN: 2022-05-30`` is a name. Whatever a file holds, the outcome is data or problems, never another exception.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from anchorline.problem import Place, Problem
from anchorline.spec.values import quote

Loc = tuple[str | int, ...]
"""The way from the root to a value: keys, and indexes counted from 0."""

LARGEST = 1 << 20
MOST_NODES = 100_000
DEEPEST = 40
LONGEST_KEY = 200
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "timestamp", "value")}
_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
# what YAML 1.2 5.1 calls not printable
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class Document:
    """What a file says, and the place of every part of it."""

    file: Path
    data: dict[str, Any]
    places: dict[Loc, Place]

    def place(self, loc: Loc) -> Place:
        """Where ``loc`` is written; where it isn't, the place of the nearest part around it."""
        while loc not in self.places:
            loc = loc[:-1]
        return self.places[loc]

    def graft(self, at: Loc, other: Document, below: Loc = ()) -> None:
        """Take the places of another file's data, what is under ``below``, for the data that was put at ``at``.

        What is wrong with the part as a whole stays at ``at``, where the file is named.
        """
        for loc, place in list(other.places.items()):
            if loc[: len(below)] == below and loc != below:
                self.places[at + loc[len(below) :]] = place


def read(file: Path) -> tuple[Document | None, list[Problem]]:
    """Read one YAML or JSON file, whose root is a mapping. Without a document there is at least one problem."""
    text = _text(file)
    if isinstance(text, Problem):
        return None, [text]
    try:
        root = _compose(text)
    except _TooMuchError as error:
        return None, [Problem(str(error), "a spec never needs that", Place(file, error.line))]
    except yaml.MarkedYAMLError as error:
        return None, [_syntax_problem(file, text, error)]
    except (yaml.YAMLError, ValueError) as error:
        return None, [Problem(f"isn't YAML: {error}", where=Place(file))]
    if root is None:
        return None, [Problem("is empty", "`anchorline schema` prints what may stand in it", Place(file))]
    if not isinstance(root, yaml.MappingNode):
        line = root.start_mark.line + 1
        return None, [Problem("isn't a mapping", "write lines such as `site: production`", Place(file, line))]
    reader = _Reader(file)
    try:
        data = reader.mapping(root, (), "")
    except _TooMuchError as error:
        return None, [Problem(str(error), "a spec never needs that", Place(file, error.line))]
    return Document(file, data, reader.places), reader.problems


class _TooMuchError(Exception):
    """The document is out of all proportion; going on would only cost time."""

    def __init__(self, line: int, cause: str) -> None:
        super().__init__(cause)
        self.line = line


def _text(file: Path) -> str | Problem:
    place = Place(file)
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            return Problem("is a folder" if stat.S_ISDIR(status.st_mode) else "isn't a regular file", where=place)
        if status.st_size > LARGEST:
            return Problem(f"has {status.st_size:,} bytes; {LARGEST:,} is the most", where=place)
        raw = file.read_bytes()
    except FileNotFoundError:
        return Problem("doesn't exist", where=place)
    except (OSError, ValueError) as error:
        return Problem(f"can't be read: {getattr(error, 'strerror', None) or error}", where=place)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Problem(f"isn't UTF-8: byte 0x{raw[error.start]:02x}", "save it as UTF-8", Place(file, line))
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        return Problem(f"holds the control character U+{ord(found[0]):04X}", "remove it", Place(file, line))
    # JSON may be indented with tabs, YAML not; between braces neither gives indentation a meaning
    return text.replace("\t", " ") if text.lstrip().startswith("{") else text


def _compose(text: str) -> yaml.Node | None:
    # the composer recurses in C and overflows the stack where the parser, which doesn't, only counts
    depth = 0
    for event in yaml.parse(text, _LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise _TooMuchError(
                    event.start_mark.line + 1 if event.start_mark else 0, f"is nested deeper than {DEEPEST}"
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    root: yaml.Node | None = yaml.compose(text, _LOADER)
    return root


def _syntax_problem(file: Path, text: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    lines = text.split("\n")
    line = min(mark.line + 1, len(lines)) if mark else 0  # what is missing at the end, PyYAML finds behind it
    what = error.problem or error.context or "it can't be read"
    if "single document" in (error.context or ""):
        return Problem("holds several documents", "one file is one site; remove what follows `---`", Place(file, line))
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    fix = "indent with spaces, not tabs" if "\t" in written[: len(written) - len(written.lstrip())] else ""
    return Problem(f"isn't {'JSON' if file.suffix == '.json' else 'YAML'}: {what}", fix, Place(file, line))


class _Reader:
    """Turns nodes into data, and notes places and problems on the way."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.places: dict[Loc, Place] = {(): Place(file)}
        self.problems: list[Problem] = []
        self.nodes = 0

    def mapping(self, node: yaml.MappingNode, loc: Loc, path: str) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._key(key_node, path)
            if key is None:
                continue
            place = Place(self.file, line, f"{path}.{key}" if path else key)
            if key in data:
                first = self.places[(*loc, key)].line
                self._problem(place, f"is written twice, first in line {first}", "keep one of them")
                continue
            self.places[(*loc, key)] = place
            value = self._value(value_node, (*loc, key), place)
            if value is not None:
                data[key] = value
        return data

    def _key(self, node: yaml.Node, path: str) -> str | None:
        place = Place(self.file, node.start_mark.line + 1, path)
        if node.tag == _MERGE:
            self._problem(place, "merge keys (<<) aren't supported", "write the keys out")
        elif not isinstance(node, yaml.ScalarNode) or node.tag not in _PLAIN_TAGS or not node.value.strip():
            self._problem(place, "a key must be a word", "write `word: value`")
        elif _CONTROL.search(node.value) or len(node.value) > LONGEST_KEY:
            self._problem(place, f"a key holds a control character or over {LONGEST_KEY} letters", "write a word")
        else:
            return str(node.value)
        return None

    def _value(self, node: yaml.Node, loc: Loc, place: Place) -> Any:
        self.nodes += 1
        line = node.start_mark.line + 1
        if self.nodes > MOST_NODES:
            raise _TooMuchError(line, f"grows to over {MOST_NODES:,} values; aliases repeat what they stand for")
        if len(loc) > DEEPEST:
            raise _TooMuchError(line, f"is nested deeper than {DEEPEST}, or holds itself by an alias")
        match node:
            case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
                return self.mapping(node, loc, place.key)
            case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
                return self._sequence(node, loc, place)
            case yaml.ScalarNode() if node.tag in _PLAIN_TAGS:
                if not (found := _CONTROL.search(node.value)):
                    return node.value
                self._problem(place, f"holds the control character U+{ord(found[0]):04X}", "write it in one line")
            case yaml.ScalarNode() if node.tag == _NULL:
                self._problem(place, "has no value", "give it one, or remove the line")
            case _:
                self._problem(place, f"the tag {quote(node.tag)} isn't supported", "write the plain value")
        return None

    def _sequence(self, node: yaml.SequenceNode, loc: Loc, place: Place) -> list[Any]:
        data: list[Any] = []
        for index, item in enumerate(node.value):
            here = Place(self.file, item.start_mark.line + 1, f"{place.key}[{index}]")
            self.places[(*loc, len(data))] = here
            value = self._value(item, (*loc, len(data)), here)
            if value is not None:
                data.append(value)
        return data

    def _problem(self, place: Place, what: str, fix: str) -> None:
        self.problems.append(Problem(what, fix, place))
