"""One file of others: what it is to say, and what a change of it may touch. Pure: the text comes from a host and goes
back.

What isn't ours stays, and what is another's for the same name is refused rather than replaced. A change is made twice,
of the plain values and by the library that keeps comments and order; where the two don't say the same, there is none.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from anchorline.trust.stores import formats
from anchorline.trust.stores.formats import LEFT, Document, MergeError, exactly, unshared

__all__ = ["LEFT", "Configuration", "Document", "Fragment", "MergeError"]

_Kind = TypeVar("_Kind")


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
        say it in the parsed document, and take it back; ``drop`` returns of which names it was said.
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
    drop: Callable[[Document, Fragment], Sequence[str]]
    word: str
    asked: str = ""
    common: bool = False

    def merged(self, text: str, fragment: Fragment) -> str:
        """The text with the fragment in it; the very same text where it says so already. Raises MergeError."""
        return self._changed(text, fragment, self.add)

    def without(self, text: str, fragment: Fragment) -> str:
        """The text without the fragment; the very same text where it isn't in it, nothing where nothing is left. Raises
        MergeError."""
        return self._changed(text, fragment, self.drop)

    def adds_up(self, text: str, before: str, fragment: Fragment) -> bool:
        """Whether a text is what it was ``before`` and the fragment, and no more: neither a value nor a comment. Then
        nothing of others is lost where the bytes of before are given back. Raises MergeError for the text alone."""
        has = formats.read(text, self.path)
        left = unshared(has)
        names = self.drop(left, fragment)
        if exactly(left) == exactly(has):
            return False
        try:
            again = self.merged(before, Fragment(names, fragment.bundle))
        except MergeError:
            return False
        same = exactly(formats.read(again, self.path)) == exactly(has)
        return bool(same and formats.comments(again, self.path) == formats.comments(text, self.path))

    def _changed(self, text: str, fragment: Fragment, change: Callable[[Document, Fragment], object]) -> str:
        has = formats.read(text, self.path)
        wanted = unshared(has)
        try:
            change(wanted, fragment)
        except MergeError as error:
            raise MergeError(error.problem.about(self.path)) from None
        if exactly(wanted) == exactly(has):
            return text
        new = formats.changed(text, self.path, wanted, lambda document: change(document, fragment))
        if any(line.startswith("@ ") for line in new.splitlines()):
            raise MergeError(f"{self.path}: a line begins with '@ ', which doesn't travel", LEFT)
        return new


def found(document: Document, *keys: str) -> Document | None:
    """The mapping under these keys; None where one of them isn't there, or is none."""
    at: Any = document
    for key in keys:
        at = at.get(key)
        if not isinstance(at, MutableMapping):
            return None
    return at  # type: ignore[no-any-return]


def inner(document: Document, *keys: str, place: str = "") -> Document:
    """The mapping under these keys; what isn't there, or is empty, is made. ``place`` is the document's own, for the
    message. Raises MergeError for what is no mapping."""
    for key in keys:
        place = f"{place}.{key}" if place else key
        if document.get(key) is None:
            document[key] = {}
        document = document[key]
        if not isinstance(document, MutableMapping):
            raise MergeError(f"{place} is no mapping", LEFT)
    return document


def strings(document: Document, key: str, place: str) -> list[str]:
    """The list of strings under a key; what isn't there, or is empty, is made. Raises MergeError for what is none."""
    if document.get(key) is None:
        document[key] = []
    return _all(str, document[key], f"{place}.{key} is no list of strings")


def mappings(document: Document, key: str) -> list[Document]:
    """The mappings in the list under a key; none where it isn't there. Raises MergeError for what is no such list."""
    there = document.get(key)
    return _all(MutableMapping, [] if there is None else there, f"{key} is no list of mappings")  # type: ignore[type-abstract]


def _all(kind: type[_Kind], values: Any, otherwise: str) -> list[_Kind]:
    if isinstance(values, list) and all(isinstance(each, kind) for each in values):
        return values
    raise MergeError(otherwise, LEFT)


def prune(document: Document, *keys: str) -> None:
    """Remove the mappings under these keys, from the innermost, that are empty now."""
    if keys and isinstance(document.get(keys[0]), MutableMapping):
        prune(document[keys[0]], *keys[1:])
        if not document[keys[0]]:
            del document[keys[0]]
