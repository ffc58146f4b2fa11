"""A site's own deploy.py and config.py, brought up to this version: judged first, then written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from anchorline.authority import disk
from anchorline.authority.disk import refusals
from anchorline.errors import AnchorlineError
from anchorline.init.calls import rewritten
from anchorline.init.site import own
from anchorline.problem import Place, Problem
from anchorline.renamed import REWRITTEN

WRITTEN_BEFORE = frozenset(
    {
        "84956a17156452052f6017aa0ee4991d49d879c399d430a09a21acf16d75e5ad",  # config.py
        "c65a40ceba685a219c222fa9a63a73f5735ab6cc9590a53635a034eb016c4700",
        "fbc729e52a2333cbd3047d925c75a6eb15cd3a10151d54d6a1f60ba1d961c200",  # deploy.py
        "898e2d404c71d8707f904639c5b33200cb472e784b16ec7df1272611d7896600",
    }
)
"""SHA-256 of what earlier versions of ``anchorline init`` wrote: nobody has edited those."""


@dataclass(frozen=True)
class Upgrade:
    """One file with what it is to hold. ``said`` is what changes in it, a line each; ``edited``: somebody has written
    in it, and it is kept beside the new one."""

    file: Path
    before: bytes
    after: bytes
    said: tuple[str, ...]
    edited: bool

    @property
    def kept(self) -> Path:
        """Where an edited one is kept: a name that nothing has, or the same content under it."""
        for name in _names(self.file.name):
            beside = self.file.with_name(name)
            if not os.path.lexists(beside) or _holds(beside, self.before):
                return beside
        raise AssertionError("names don't end")


def _names(name: str) -> Iterator[str]:
    yield f"{name}.before"
    number = 2
    while True:
        yield f"{name}.before-{number}"
        number += 1


def _holds(file: Path, content: bytes) -> bool:
    with suppress(AnchorlineError):
        return disk.read(file) == content
    return False


def plan(folder: Path) -> tuple[Upgrade, ...]:
    """What is to be done to the files of a site's folder; nothing where they are up to date.

    Raises AnchorlineError with all that stands in the way: no site is here, or a file can't be read, parsed, or
    changed by a program.
    """
    with refusals(folder):
        files = [folder / name for name in REWRITTEN if os.path.lexists(folder / name)]
    if not files:
        none = f"there is no {' and no '.join(REWRITTEN)} here"
        raise AnchorlineError(none, "name the folder of a site: anchorline upgrade DIR", Place(folder))
    upgrades: list[Upgrade] = []
    problems: list[Problem] = []
    for file in files:
        try:
            upgrades.append(_upgrade(file))
        except AnchorlineError as error:
            problems += error.problems
    if problems:
        raise AnchorlineError.of(problems)
    return tuple(each for each in upgrades if each.after != each.before)


def _upgrade(file: Path) -> Upgrade:
    before = disk.read(file)
    if sha256(before).hexdigest() in WRITTEN_BEFORE:
        return Upgrade(
            file, before, own(file.name), ("nobody has edited it: replaced by this version's",), edited=False
        )
    after, said, left = rewritten(before, file)
    if left:
        raise AnchorlineError.of(left)
    return Upgrade(file, before, after, said, edited=True)


def write(upgrade: Upgrade) -> None:
    """Write it in one step: whoever breaks off in between finds the file as it was, or as it is to be.

    Raises StoreError where the disk refuses.
    """
    if upgrade.edited:
        _replace(upgrade.kept, upgrade.before, like=upgrade.file)
    # a link stays one: what it leads to is written
    _replace(upgrade.file.resolve(), upgrade.after, like=upgrade.file)


def _replace(file: Path, content: bytes, *, like: Path) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with refusals(file, "it is as it was"):
        with draft.open("xb") as opened:
            try:
                os.fchmod(opened.fileno(), like.stat().st_mode & 0o777)
                opened.write(content)
                opened.flush()
                disk.sync(draft)
                draft.replace(file)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        disk.sync(file.parent)
