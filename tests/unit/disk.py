"""A disk that ends a process, or is full, at the call that was chosen; and whether any call escapes the count."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from anchorline.authority import Staged
from anchorline.errors import AuthorityError, StoreError
from anchorline.spec.model import Spec
from tests.unit.sites import declare


class Disk:
    """Counts the calls that change something, and does something at the one that was chosen."""

    CALLS = ("open", "write", "fchmod", "fsync", "mkdir", "rename", "replace", "link", "unlink", "rmdir")

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        at: int,
        then: Callable[[str], None],
        *,
        lasting: bool = False,
        each: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.count, self.at, self.then, self.lasting, self.each = 0, at, then, lasting, each
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self._counting(name, getattr(os, name)))

    def _counting(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            self.each(name)
            if self.count == self.at or (self.lasting and self.count > self.at):
                self.then(name)
            return call(*arguments, **options)

        return counted


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Do the work in a child that is killed ahead of its n-th call to the disk. False: it had ended before."""
    child = os.fork()
    if child == 0:
        try:
            with pytest.MonkeyPatch.context() as patch:
                Disk(patch, step, lambda _: os.kill(os.getpid(), signal.SIGKILL))
                work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def full_at_each_call(
    base: Path,
    folder: Path,
    work: Callable[[Spec], object],
    stride: int,
    declared: Callable[[Path], Spec] | None = None,
) -> Iterator[tuple[Spec, AuthorityError | None]]:
    """A copy of a site for each call to the disk that ``work`` makes, or each so many; it met a full disk there; and
    what it said. Where it doesn't say that its files are decided, everything is as it was."""
    for step in itertools.count(1, stride):
        shutil.copytree(base, folder / str(step))
        spec = (declared or declare)(folder / str(step))
        before, error = contents(spec.folder), None
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(patch, step, refusing(errno.ENOSPC))
            try:
                work(spec)
            except AuthorityError as refused:
                error = refused
        if disk.count < step:
            return
        if error:
            assert "No space left on device" in str(error)
            decided = "complete in .commit, and the next run puts them in place" in str(error)
            assert decided or contents(spec.folder) == before, str(error)
            assert not decided or "nothing was changed" not in str(error)
        yield spec, error


def escaping(work: Callable[[], object]) -> list[str]:
    """What the work changes on the disk, as Python's own audit events tell (PEP 578), beyond what Disk counts. In a
    child, for nobody can take an audit hook away again."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told: dict[str, int] = {}
        escaped: list[str] = []

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event in AUDITED:
                told[event] = told.get(event, 0) + 1
            elif event == "open" and set(str(arguments[1] or "")) & set("wax+"):
                escaped.append(f"open {arguments[0]}")

        try:
            with pytest.MonkeyPatch.context() as patch:
                counted: list[str] = []
                Disk(patch, 0, lambda _: None, each=counted.append)
                sys.addaudithook(hook)
                work()
            for event, names in AUDITED.items():
                if told.get(event, 0) != sum(map(counted.count, names)):
                    escaped.append(event)
            os.write(writing, " ".join([*escaped, f"({len(counted)} counted)"]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        words = said.read()
    os.waitpid(child, 0)
    assert "counted)" in words, "the work broke off"
    assert "(0 counted)" not in words
    return words.split()[:-2]


AUDITED = {
    "os.rename": ("rename", "replace"),
    "os.link": ("link",),
    "os.remove": ("unlink",),
    "os.mkdir": ("mkdir",),
    "os.rmdir": ("rmdir",),
    "os.chmod": ("fchmod",),
}


def refusing(code: int) -> Callable[[str], None]:
    def refuse(name: str) -> None:
        raise OSError(code, os.strerror(code), f"<{name}>")

    return refuse


def failure(staged: Staged) -> StoreError | None:
    try:
        staged.commit()
    except StoreError as error:
        return error
    return None
