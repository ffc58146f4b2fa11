"""The folder ``pki/SITE``: read as a whole, and changed as a whole or not at all.

A commit writes every file into ``.draft``, syncs them, and renames that folder to ``.commit``. That rename is the one
point at which the commit happens: before it nothing has changed, after it everything has. Then the files go from
``.commit`` to their places one by one, keys before certificates, and the folder is removed.

A crash leaves either a ``.draft``, which nobody reads and the next commit deletes, or a ``.commit``, which is
complete: readers take a file from there rather than from its place, so they never see a new key beside an old
certificate, and the next commit puts the rest in place. So a lone ``ca-key.pem`` is never ours, and may be refused.

``.commit`` needs no list and no checksum: what is in it is what is left to do. A copy of the folder in that state, by
``cp -r`` or git, is good as well.

The lock is flock(2) on the folder itself: it leaves no file behind. Nobody waits for it, because a deploy runs in
greenlets, where waiting would let the others go on.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from anchorline.authority import disk
from anchorline.authority.disk import refusals
from anchorline.errors import AuthorityError, StoreError

CA = "ca"
DRAFT, COMMIT = ".draft", ".commit"
FOLDER_MODE = 0o700

Mark = tuple[int, int, int]


def certificate_file(name: str) -> str:
    """cfssljson's name for a certificate."""
    return f"{name}.pem"


def key_file(name: str) -> str:
    """cfssljson's name for a key."""
    return f"{name}-key.pem"


def request_file(name: str) -> str:
    """cfssljson's name for a signing request."""
    return f"{name}.csr"


DER_FILE = f"{CA}.crt"


def files_of(name: str) -> tuple[str, ...]:
    """All files that belong to a certificate, or to the CA: that has its DER form beside it."""
    files = (key_file(name), certificate_file(name), request_file(name))
    return (*files, DER_FILE) if name == CA else files


@dataclass(frozen=True)
class Contents:
    """What was in the folder when it was looked at: certificates as they were read, keys by their existence alone.

    ``marks`` tells later whether something changed; ``unfinished`` are the files that an interrupted commit left to
    place; ``problems`` are those of single files.
    """

    marks: Mapping[str, Mark] = field(default_factory=dict)
    certificates: Mapping[str, bytes] = field(default_factory=dict)
    problems: Mapping[str, AuthorityError] = field(default_factory=dict)
    unfinished: frozenset[str] = frozenset()

    def has(self, file: str) -> bool:
        """Whether the file exists, in its place or in an unfinished commit."""
        return file in self.marks or file in self.unfinished


class Store:
    """One site's folder. Every method raises StoreError where the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, file: str) -> Path:
        """Where a file of this store belongs."""
        return self.folder / file

    def look(self, names: Iterable[str]) -> Contents:
        """Read the certificates of ``names`` and see which files exist, in one moment: under a shared lock."""
        files = [file for name in names for file in files_of(name)]
        with refusals(self.folder), self._locked(fcntl.LOCK_SH) as there:
            if not there:
                return Contents()
            marks, unfinished = self._marks(files), self._unfinished()
            certificates: dict[str, bytes] = {}
            problems: dict[str, AuthorityError] = {}
            for file in (file for file in files if file in marks or file in unfinished):
                path = self._where(file)
                try:
                    if disk.is_key(file):
                        disk.check_key(path)
                    elif file.endswith(".pem"):
                        certificates[file] = disk.read(path)
                except StoreError as problem:
                    problems[file] = problem
            return Contents(marks, certificates, problems, unfinished)

    def read_key(self, name: str) -> bytes:
        """The key file of ``name`` as it is. Raises StoreError where others may read it, or it isn't there."""
        with refusals(self.folder), self._locked(fcntl.LOCK_SH):
            return disk.read_key(self._where(key_file(name)))

    def commit(self, files: Mapping[str, bytes], seen: Contents, names: Iterable[str]) -> None:
        """Write ``files``, all or none, provided that the files of ``names`` are still as they were ``seen``.

        A CA key goes only where there is none. Also completes what an interrupted commit left.
        """
        created = False
        try:
            with refusals(self.folder, "nothing was changed"):
                if not self.folder.is_dir():
                    self.folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
                    created = True
                    disk.sync(self.folder.parent)
                with self._locked(fcntl.LOCK_EX):
                    self._require_unchanged(seen, [file for name in names for file in files_of(name)])
                    self._place()
                    self._draft(files)
                    self._place(fresh=True)
        except BaseException:
            if created:
                # where it isn't empty, or another run holds it, it stays
                with suppress(OSError, StoreError), self._locked(fcntl.LOCK_EX):
                    self.folder.rmdir()
            raise

    def _require_unchanged(self, seen: Contents, files: Iterable[str]) -> None:
        marks, unfinished = self._marks(files), self._unfinished()
        changed = {file for file in {*marks, *seen.marks} if marks.get(file) != seen.marks.get(file)}
        changed |= unfinished ^ seen.unfinished
        if changed:
            raise StoreError(f"{self.folder}: {', '.join(sorted(changed))} changed since it was read; run again")

    def _draft(self, files: Mapping[str, bytes]) -> None:
        """Write all files, then make them the commit."""
        draft = self.path(DRAFT)
        with suppress(FileNotFoundError):
            shutil.rmtree(draft)  # an earlier run's, which broke off before it had decided anything
        if not files:
            return
        try:
            draft.mkdir(FOLDER_MODE)
            disk.write_all(draft, files)
            draft.rename(self.path(COMMIT))
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def _place(self, *, fresh: bool = False) -> None:
        """Move what ``.commit`` holds to its place: the CA key first, then keys, then the rest."""
        commit = self.path(COMMIT)
        if not commit.is_dir():
            return
        files = self._unfinished()
        ca_key = key_file(CA)
        decided = f"the new files are complete in {COMMIT}, and the next run puts them in place"
        with refusals(self.folder, decided):
            disk.sync(self.folder)
        if ca_key in files:
            self._link_ca_key(commit / ca_key, self.path(ca_key), fresh=fresh)
        with refusals(self.folder, decided):
            disk.sync(self.folder)
            (commit / ca_key).unlink(missing_ok=True)
            for file in sorted(files - {ca_key}, key=lambda file: (not disk.is_key(file), file)):
                (commit / file).rename(self.path(file))
            disk.sync(commit)
            disk.sync(self.folder)
            commit.rmdir()
            disk.sync(self.folder)

    def _link_ca_key(self, source: Path, target: Path, *, fresh: bool) -> None:
        """link(2) fails where the target exists; rename(2) would replace it. As the CA key goes first, a commit of our
        own that finds its place taken is still taken back whole."""
        try:
            target.hardlink_to(source)
        except FileExistsError:
            if disk.read(target) == disk.read(source):
                return  # an interrupted run came this far
            outcome = "nothing was changed" if fresh else f"{source} is another one; keep the right one of the two"
            if fresh:
                shutil.rmtree(source.parent)
            raise StoreError(f"{target}: a CA key is here already, and none is ever replaced; {outcome}") from None
        except OSError:
            if fresh:
                shutil.rmtree(source.parent)
            raise

    def _where(self, file: str) -> Path:
        unplaced = self.path(COMMIT) / file
        return unplaced if unplaced.exists() else self.path(file)

    def _unfinished(self) -> frozenset[str]:
        try:
            return frozenset(path.name for path in self.path(COMMIT).iterdir())
        except FileNotFoundError:
            return frozenset()

    def _marks(self, files: Iterable[str]) -> dict[str, Mark]:
        """Inode, size and time of those files that are in their places: enough to see one replaced or edited."""
        marks: dict[str, Mark] = {}
        for file in files:
            with suppress(FileNotFoundError):
                found = self.path(file).stat()
                marks[file] = (found.st_ino, found.st_size, found.st_mtime_ns)
        return marks

    @contextmanager
    def _locked(self, how: int) -> Iterator[bool]:
        """Hold the folder. False where there is none. It goes only while it is held, so it stays what it was."""
        try:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield False
            return
        try:
            try:
                fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(f"{self.folder}: another run holds it; let that one end, then run again") from None
            if not self._is(descriptor):
                raise StoreError(f"{self.folder}: changed since it was read; run again")
            yield True
        finally:
            os.close(descriptor)

    def _is(self, descriptor: int) -> bool:
        """Whether an open folder is still the one at our path: another run may have removed it before it was held."""
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(descriptor), self.folder.stat())
        return False
