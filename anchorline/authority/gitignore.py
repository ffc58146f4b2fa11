"""``.gitignore`` beside a site's keys: it keeps them out of git as long as one of them isn't encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from anchorline.authority import disk, keys

FILE = ".gitignore"
CONTENT = b"# anchorline keeps this file while a key here isn't encrypted\n*-key.pem\n"


def kept(folder: Path, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What a commit of ``files`` changes in it: written, or empty where it goes. One that somebody else wrote stays."""
    written = {file: content for file, content in files.items() if content and disk.is_key(file)}
    if not written:
        return {}
    there = None
    with suppress(FileNotFoundError):
        there = (folder / FILE).read_bytes()
    plain = not all(map(keys.encrypted, written.values())) or any(
        not keys.encrypted((folder / file).read_bytes()) for file in key_files(folder) if file not in files
    )
    if plain:
        return {FILE: CONTENT} if there is None else {}
    return {FILE: b""} if there == CONTENT else {}


def key_files(folder: Path) -> list[str]:
    """Every key of a site, in its place, by its path in the folder."""
    paths = (path.relative_to(folder) for path in folder.rglob("*.pem") if disk.is_key(path.name) and path.is_file())
    return sorted(path.as_posix() for path in paths if not path.parts[0].startswith("."))
