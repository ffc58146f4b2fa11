"""The words of an answer, as words.sh writes them: what a host says may hold anything, and stands in one word. Pure.

A word is printable ASCII without blanks and backslashes; in any other one each byte stands as ``\\0NNN`` (octal). A
shell's ``printf %b`` reads it (POSIX, printf), so that the same words travel back. Bytes that are no UTF-8 are
surrogates here (PEP 383), as in every path of Python's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_PLAIN = re.compile(r"[!-\[\]-~]*")
_BYTE = re.compile(rb"\\0([0-7]{3})")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def encode(text: str) -> str:
    """A word that a shell reads again with ``printf %b``."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(f"\\0{byte:03o}" for byte in text.encode(errors="surrogateescape"))


def decode(word: str) -> str:
    """What a word stands for. One that no script of ours wrote stands for itself."""
    if "\\" not in word:
        return word
    said = word.encode(errors="surrogateescape")
    return _BYTE.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), said).decode(errors="surrogateescape")


def read(lines: Iterable[str]) -> dict[str, list[tuple[str, ...]]]:
    """The lines of an answer by their first word, and of each the words that follow."""
    said: dict[str, list[tuple[str, ...]]] = {}
    for line in lines:
        kind, *rest = line.split(" ")
        said.setdefault(kind, []).append(tuple(map(decode, rest)))
    return said


def first(said: Sequence[tuple[str, ...]] | None) -> str:
    """The words of the first of these lines as one text; nothing where there is none."""
    return " ".join(said[0]) if said else ""


def controls(text: str) -> bool:
    """Whether a text holds control characters: no name that is meant for people does."""
    return bool(_CONTROL.search(text))
