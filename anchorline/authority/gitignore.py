"""The ``.gitignore`` in a site's folder: it keeps keys out of git as long as one of them isn't encrypted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from anchorline.authority import disk, keys
from anchorline.authority.layout import is_key
from anchorline.authority.owners import require_ours

IGNORE = ".gitignore"
IGNORED = b"# anchorline keeps this file while a key here isn't encrypted\n*-key.pem\n"


def changed(folder: Path, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What a commit of ``files`` changes in it: written, or empty where it goes. One that somebody else wrote stays.

    Raises StoreError where it, or a key, is no file of ours.
    """
    written = {file: content for file, content in files.items() if content and is_key(file)}
    if not written:
        return {}
    there = disk.read(folder / IGNORE, require_ours) if os.path.lexists(folder / IGNORE) else None
    plain = not all(map(keys.encrypted, written.values())) or any(
        not keys.encrypted(disk.read(folder / file)) for file in key_files(folder) if file not in files
    )
    if plain:
        return {IGNORE: IGNORED} if there is None else {}
    return {IGNORE: b""} if there == IGNORED else {}


def key_files(folder: Path) -> list[str]:
    """Every key of a site, in its place, by its path in the folder."""
    paths = (path.relative_to(folder) for path in folder.rglob("*.pem") if is_key(path.name) and path.is_file())
    return sorted(path.as_posix() for path in paths if not path.parts[0].startswith("."))
