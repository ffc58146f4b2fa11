"""Others' words as they can be shown: what no form can have as it is, replaced by what can be seen; and how long.

Host names and error texts come from others: a control character in one moves a terminal's cursor, ends a line of a
table, or makes a document that no XML parser takes.
"""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterable
from typing import TextIO

LONGEST = 500
"""Characters of what somebody else said: a program's line, a name, a version."""
FEW = 5
"""Names that are told out of many."""
_REPLACED, _NEWLINE, _DELETE, _PICTURES = "\N{REPLACEMENT CHARACTER}", "\N{SYMBOL FOR NEWLINE}", "\u2421", 0x2400
_LINES = "\x85\u2028\u2029"
_UNSHOWN = (
    "\x7f-\x9f"  # DEL, and the C1 controls, which some terminals obey
    "\u2028\u2029"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they turn the order of what stands around them
    "\u00ad\u200b-\u200d\u2060-\u2065\ufeff\U000e0000-\U000e007f"  # nobody sees them: two names could look alike
    "\ud800-\udfff"  # surrogates: bytes that were no UTF-8, which no encoder takes
    "\ufdd0-\ufdef\ufffe\uffff"  # no characters (Unicode 23.7); XML 1.0 2.2 forbids the last two
)
_ALL = re.compile(f"[\x00-\x1f{_UNSHOWN}]")
_UNTYPED = re.compile("[\0\ud800-\udc7f\udd00-\udfff]|\n\\Z")
"""No bytes of a file's name; and a line feed at the end, which a substitution drops, so that another file is hit."""
_BUT_LINES = re.compile(f"[\x00-\x08\x0b-\x1f{_UNSHOWN}]")


def visible(text: str) -> str:
    """The text on one line: a control character as its picture (``␊``), what has none as ``�``."""
    return _ALL.sub(_seen, text)


def visible_lines(text: str) -> str:
    """The same with its line feeds and tabs kept."""
    return _BUT_LINES.sub(_seen, text)


def shortened(text: str, most: int = LONGEST) -> str:
    """So many characters of a text, the last of them ``…`` where there were more."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def told(text: str, most: int = LONGEST) -> str:
    """What somebody else said, on one line and not too long."""
    return visible(shortened(text, most))


def some(hosts: Iterable[str]) -> str:
    """A few names of hosts out of many, in their order by name."""
    every = sorted(hosts)
    return (", ".join(every[:FEW]) or "no host") + (f" and {len(every) - FEW:,} more" if len(every) > FEW else "")


def quoted(word: str) -> str:
    """A word as any shell takes it, byte for byte, and as a terminal can show it: ``printf`` makes what can't be shown.

    What no shell can make, or no file can be called, is shown, and names nothing.
    """
    if not _ALL.search(word) or _UNTYPED.search(word):
        return shlex.quote(visible(word))
    octal = "".join(f"\\0{byte:03o}" for byte in word.encode("utf-8", "surrogateescape"))
    return f"\"$(printf %b '{octal}')\""


def take_all(*streams: TextIO) -> None:
    """Have streams take every character, whatever the locale: one that it lacks is written as an escape."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _seen(found: re.Match[str]) -> str:
    character = found[0]
    if character < " ":
        return chr(_PICTURES + ord(character))
    return _DELETE if character == "\x7f" else _NEWLINE if character in _LINES else _REPLACED
