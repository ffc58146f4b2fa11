"""The files of a new site onto the disk: all or none, and nothing that is there is overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from anchorline.authority import disk
from anchorline.authority.disk import refusals
from anchorline.errors import StoreError
from anchorline.problem import Place


def require_free(folder: Path, files: Iterable[str]) -> None:
    """Raise StoreError, with the names, where one of the files or what stands in a folder's place is there already."""
    with refusals(folder):
        if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
            raise StoreError("this is no folder", "take another path", Place(folder))
        here = sorted({each for file in files for each in _in_the_way(folder, file)})
    if here:
        cause = f"nothing is overwritten, and here already: {', '.join(here)}"
        raise StoreError(cause, "take another folder", Place(folder))


def _in_the_way(folder: Path, file: str) -> Iterable[str]:
    path = folder / file
    if path.exists() or path.is_symlink():
        yield file
    parent = path.parent
    if parent != folder and (parent.exists() or parent.is_symlink()) and not parent.is_dir():
        yield str(parent.relative_to(folder))


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write them and see them on the disk. Raises StoreError; what was made until then is gone again."""
    require_free(folder, files)
    made: list[Path] = []
    try:
        with refusals(folder, "nothing is left of what was written"):
            for file, content in files.items():
                _write(folder / file, content, made)
            for each in {path.parent for path in made}:
                disk.sync(each)
    except BaseException:  # an interrupt leaves nothing as well
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        raise


def _write(path: Path, content: bytes, made: list[Path]) -> None:
    disk.make_folder(path.parent, disk.FOLDER_MODE, made=made)
    # O_EXCL: what somebody else has put here meanwhile isn't ours to undo
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, disk.CERTIFICATE_MODE), "wb") as file:
        made.append(path)
        file.write(content)
        file.flush()
    disk.sync(path)
