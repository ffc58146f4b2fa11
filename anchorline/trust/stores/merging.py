"""One file of others, changed at the level of its format by a library that keeps comments and order. Pure: the text
comes from a host and goes back.

What isn't ours stays, and what is another's for the same name is refused rather than replaced.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import tomlkit
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from tomlkit.exceptions import ParseError

from anchorline.problem import ProblemError

Document = MutableMapping[str, Any]

LEFT = "fix it, it was left as it is"


class MergeError(ProblemError):
    """Why a file can't be merged: it doesn't parse, or it says something else already. Names the place in it."""


@dataclass(frozen=True)
class Fragment:
    """What a file is to say: that the registry of these names has the CAs in the file ``bundle``."""

    names: Sequence[str]
    bundle: str


@dataclass(frozen=True)
class Configuration:
    """One file.

    ``used``
        what tells that its program is in use: one of these commands in the PATH, or a path that exists.
    ``add``, ``drop``
        say it in the parsed document, and take it back.
    ``word``
        what the program wants before it heeds a change.
    ``asked``
        what it needs, where it is changed only with ``configure: true`` and shown as needed without.
    ``common``
        whether what we add is the same for every site, so that the last one takes it back.
    """

    store: str
    path: str
    used: tuple[str, ...]
    add: Callable[[Document, Fragment], None]
    drop: Callable[[Document, Fragment], None]
    word: str
    asked: str = ""
    common: bool = False

    def merged(self, text: str, fragment: Fragment) -> str:
        """The text with the fragment in it; the very same text where it says so already. Raises MergeError."""
        return self._changed(text, fragment, self.add)

    def without(self, text: str, fragment: Fragment) -> str:
        """The text without the fragment; nothing where nothing is left. Raises MergeError."""
        return self._changed(text, fragment, self.drop)

    def same(self, text: str, other: str) -> bool:
        """Whether two texts say the same. Raises MergeError."""
        return bool(plain(self._load(text)) == plain(self._load(other)))

    def _changed(self, text: str, fragment: Fragment, change: Callable[[Document, Fragment], None]) -> str:
        document = self._load(text)
        before = plain(document)
        try:
            change(document, fragment)
        except MergeError as error:
            raise MergeError(error.problem.about(self.path)) from None
        if plain(document) == before:
            return text
        changed = self._dump(document) if document else ""
        if any(line.startswith("@ ") for line in changed.splitlines()):
            raise MergeError(f"{self.path}: a line begins with '@ ', which doesn't travel", LEFT)
        return changed

    def _load(self, text: str) -> Document:
        try:
            document = tomlkit.parse(text) if self.path.endswith(".toml") else _yaml().load(text)
        except ParseError as error:
            raise self._unread(error.line, str(error).partition(" at line ")[0]) from None
        except MarkedYAMLError as error:
            raise self._unread(error.problem_mark.line + 1 if error.problem_mark else 1, error.problem) from None
        if document is None:
            return _yaml().map()  # type: ignore[no-any-return]
        if not isinstance(document, MutableMapping):
            raise self._unread(1, "not a mapping")
        return document

    def _unread(self, line: int, cause: str | None) -> MergeError:
        return MergeError(f"{self.path}, line {line}: {cause}", LEFT)

    def _dump(self, document: Document) -> str:
        if self.path.endswith(".toml"):
            return tomlkit.dumps(document)
        out = StringIO()
        _yaml().dump(document, out)
        return out.getvalue()


def _yaml() -> Any:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # or long lines of others are folded
    return yaml


def plain(value: Any) -> Any:
    """A document without what its library keeps beside the values."""
    if isinstance(value, MutableMapping):
        return {str(key): plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def inner(document: Document, *keys: str) -> Document:
    """The mapping under these keys; what isn't there, or is empty, is made."""
    for depth, key in enumerate(keys):
        if document.get(key) is None:
            document[key] = {}
        document = document[key]
        if not isinstance(document, MutableMapping):
            raise MergeError(f"{'.'.join(keys[: depth + 1])} is no mapping", LEFT)
    return document


def prune(document: Document, *keys: str) -> None:
    """Remove the mappings under these keys, from the innermost, that are empty now."""
    if keys and isinstance(document.get(keys[0]), MutableMapping):
        prune(document[keys[0]], *keys[1:])
        if not document[keys[0]]:
            del document[keys[0]]
