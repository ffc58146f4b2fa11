"""The folder ``pki/SITE``: read as a whole, and changed as a whole or not at all.

A commit writes every file into ``.draft``, syncs them, and renames that folder to ``.commit``. That rename is the one
point at which the commit happens: before it nothing has changed, after it everything has. Then the files go from
``.commit`` to their places one by one, keys before certificates, and the folder is removed.

A crash leaves either a ``.draft``, which nobody reads and the next commit deletes, or a ``.commit``, which is
complete: readers take a file from there rather than from its place, so they never see a new key beside an old
certificate, and the next commit puts the rest in place. So a lone ``ca-key.pem`` is never ours, and may be refused.

``.commit`` needs no list and no checksum: what is in it is what is left to do. A file of no length there takes the one
in its place away; ``issued.jsonl`` there is added to the one in its place. A copy of the folder in that state, by
``cp -r`` or git, is good as well.

A CA's key is never replaced, and its bytes never leave the folder, but where the commit names the key that it replaces:
``.replaces`` in it holds that key's SHA-256, as sha256sum(1) writes it.

``.gitignore`` comes and goes with the keys: see ``layout.py``.

``next/`` and ``previous/`` are generations of the CA beside the present one; ``previous/`` has the pair that a renewal
replaced as well. ``retired/`` keeps the CAs that were withdrawn.

Nobody else can have put anything here: see ``owners.py``. What can be written by others, or was made by them, stops
every run; a ``.commit`` of theirs is never finished.

The lock is flock(2) on the folder itself: it leaves no file behind. Nobody waits for it, because a deploy runs in
greenlets, where waiting would let the others go on.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from anchorline.authority import disk, gitignore, keys, owners
from anchorline.authority.disk import PRIVATE_FOLDER_MODE, refusals
from anchorline.authority.layout import (
    CA,
    JOURNAL,
    NEXT,
    PREVIOUS,
    PREVIOUS_CA,
    RETIRED,
    files_of,
    is_key,
    key_file,
)
from anchorline.authority.owners import require_ours
from anchorline.errors import AuthorityError, StoreError
from anchorline.problem import Place

DRAFT, COMMIT, REPLACES = ".draft", ".commit", ".replaces"
_FOLDERS = frozenset({DRAFT, COMMIT, NEXT, PREVIOUS, RETIRED})

Mark = tuple[int, int, int]


def _is_ca_key(file: str) -> bool:
    return file.rpartition("/")[2] == key_file(CA)


@dataclass(frozen=True)
class Contents:
    """What was in the folder when it was looked at: certificates as they were read; of keys that there are some.

    ``marks`` tells later whether something changed; ``unfinished`` are the files that an interrupted commit left to
    place, ``going`` those of them that it takes away; ``problems`` are those of single files, and
    ``damaged`` those of them that are keys and can be read, but hold none.
    """

    marks: Mapping[str, Mark] = field(default_factory=dict)
    certificates: Mapping[str, bytes] = field(default_factory=dict)
    problems: Mapping[str, AuthorityError] = field(default_factory=dict)
    unfinished: frozenset[str] = frozenset()
    going: frozenset[str] = frozenset()
    damaged: frozenset[str] = frozenset()

    def has(self, file: str) -> bool:
        """Whether the file exists, in its place or in an unfinished commit."""
        return file not in self.going and (file in self.marks or file in self.unfinished)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Store:
    """One site's folder. Every method raises StoreError where the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, file: str) -> Path:
        """Where a file of this store belongs."""
        return self.folder / file

    def require_guarded(self) -> None:
        """Raise StoreError where others can write to the folder, or have made a part of it."""
        with refusals(self.folder):
            if self.folder.is_dir():
                owners.require_way(self.folder)
                owners.require_tree(self.folder, _FOLDERS, COMMIT)

    def contents(self, names: Iterable[str]) -> Contents:
        """Read the certificates of ``names`` and see which files exist, in one moment: under a shared lock."""
        files = [file for name in names for file in files_of(name)]
        with refusals(self.folder), self._locked(fcntl.LOCK_SH) as there:
            if not there:
                return Contents()
            marks, unfinished = self._marks(files), self._unfinished()
            going = frozenset(file for file in unfinished if not self._where(file).stat().st_size)
            certificates: dict[str, bytes] = {}
            problems: dict[str, AuthorityError] = {}
            damaged: set[str] = set()
            for file in (file for file in files if file not in going and (file in marks or file in unfinished)):
                path = self._where(file)
                try:
                    if file == key_file(PREVIOUS_CA):
                        disk.check_key(path)  # nothing needs it any more, but it is a secret
                    elif is_key(file):
                        keys.require_form(disk.read_key(path), path)
                    elif file.endswith(".pem"):
                        certificates[file] = disk.read(path, require_ours)
                except AuthorityError as problem:
                    problems[file] = problem
                    if not isinstance(problem, StoreError):
                        damaged.add(file)
            for file in filter(is_key, self._replaced_files()):
                try:
                    disk.check_key(self.path(file))
                except StoreError as problem:
                    problems[file] = problem
            return Contents(marks, certificates, problems, unfinished, going, frozenset(damaged))

    def read(self, file: str) -> bytes:
        """A file as it is. Raises StoreError where it isn't there, or is a key that others may read."""
        with refusals(self.folder), self._locked(fcntl.LOCK_SH):
            path = self._where(file)
            return disk.read_key(path) if is_key(file) else disk.read(path, require_ours)

    def read_text(self, file: str) -> str:
        """A file of lines, with what an interrupted commit adds to it. Nothing where there is none."""
        with refusals(self.folder), self._locked(fcntl.LOCK_SH):
            added = self.path(COMMIT) / file
            parts = [self.path(file), added] if file == JOURNAL else [self._where(file)]
            read = (disk.read(path, require_ours, largest=disk.LONGEST) for path in parts if path.exists())
            return "".join(content.decode(errors="replace") for content in read)

    def replaced(self) -> dict[str, bytes]:
        """The certificates in ``previous/`` and ``retired/``, by their files; those that can't be read are left out."""
        found: dict[str, bytes] = {}
        with refusals(self.folder), self._locked(fcntl.LOCK_SH):
            for file in filter(lambda file: not is_key(file), self._replaced_files()):
                with suppress(StoreError):
                    found[file] = disk.read(self.path(file), require_ours)
        return found

    def _replaced_files(self) -> Iterator[str]:
        for path in (each for name in (PREVIOUS, RETIRED) for each in self.path(name).rglob("*.pem")):
            yield path.relative_to(self.folder).as_posix()

    def retired(self) -> tuple[str, ...]:
        """The CAs that were withdrawn, by the first digits of their SHA-256."""
        with suppress(FileNotFoundError):
            return tuple(sorted(path.name for path in self.path(RETIRED).iterdir()))
        return ()

    def commit(
        self,
        files: Mapping[str, bytes],
        seen: Contents | None,
        names: Iterable[str] = (),
        *,
        replaces: Mapping[str, str] | None = None,
    ) -> None:
        """Write ``files``, all or none, provided that the files of ``names`` are still as they were ``seen``.

        An empty file takes the one in its place away; ``issued.jsonl`` is added to the one in its place. A CA key goes
        only where there is none, or where ``replaces`` has the SHA-256 of the one that is there. Also completes what an
        interrupted commit left. ``seen`` None: for what doesn't depend on what was there.
        """
        created = False
        try:
            with refusals(self.folder, "nothing was changed"):
                if disk.make_folder(self.folder, PRIVATE_FOLDER_MODE):
                    created = True
                    disk.sync(self.folder.parent)
                with self._locked(fcntl.LOCK_EX):
                    if seen is not None:
                        self._require_unchanged(seen, [file for name in names for file in files_of(name)])
                    self._place()
                    self._require_keys(files, replaces or {})
                    self._draft({**files, **gitignore.changed(self.folder, files)}, replaces or {})
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
            raise StoreError(f"{', '.join(sorted(changed))} changed since it was read", "run again", Place(self.folder))

    def _require_keys(self, files: Mapping[str, bytes], replaces: Mapping[str, str]) -> None:
        """No CA key may be lost: one that is there is named by the commit, or lies in another place of it."""
        written = {_sha256(content) for content in files.values()}
        for file in filter(_is_ca_key, files):
            if self.path(file).exists():
                there = _sha256(disk.read(self.path(file), require_ours))
                if there not in ({replaces.get(file)} if files[file] else written):
                    raise self._taken(self.path(file), "nothing was changed")

    @staticmethod
    def _taken(path: Path, outcome: str, fix: str = "") -> StoreError:
        return StoreError(f"a CA key is here already, and none is ever replaced; {outcome}", fix, Place(path))

    def _draft(self, files: Mapping[str, bytes], replaces: Mapping[str, str]) -> None:
        """Write all files, then make them the commit."""
        draft = self.path(DRAFT)
        with suppress(FileNotFoundError):
            shutil.rmtree(draft)  # an earlier run's, which broke off before it had decided anything
        if not files:
            return
        marker = "".join(f"{digest}  {file}\n" for file, digest in replaces.items())
        try:
            draft.mkdir(PRIVATE_FOLDER_MODE)
            disk.write_all(draft, {**files, REPLACES: marker.encode()} if marker else files)
            draft.rename(self.path(COMMIT))
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def _place(self, *, fresh: bool = False) -> None:
        """Move what ``.commit`` holds to its place: CA keys first, then keys, then the rest. Whatever is done twice,
        because a run broke off in between, comes to the same."""
        commit = self.path(COMMIT)
        if not commit.is_dir():
            return
        files = sorted(self._unfinished(), key=lambda file: (not _is_ca_key(file), not is_key(file), file))
        every = {parent for file in files for parent in self.path(file).parents}
        folders = sorted(each for each in every if each.is_relative_to(self.folder))
        decided = f"the new files are complete in {COMMIT}, and the next run puts them in place"
        with refusals(self.folder, decided):
            disk.sync(self.folder)
            for folder in folders:
                if not folder.is_dir():
                    folder.mkdir(PRIVATE_FOLDER_MODE)
        for file in filter(_is_ca_key, files):
            with refusals(self.folder, "nothing was changed" if fresh else decided):
                self._place_ca_key(commit / file, self.path(file), fresh=fresh)
            fresh = False
        with refusals(self.folder, decided):
            for file in files:
                self._move(commit / file, self.path(file))
            for folder in folders:
                disk.sync(folder)
            for folder in folders:
                if not any(folder.iterdir()):
                    folder.rmdir()  # all of it went
            shutil.rmtree(commit)
            disk.sync(self.folder)

    def _place_ca_key(self, source: Path, target: Path, *, fresh: bool) -> None:
        """link(2) fails where the target exists; rename(2) would replace it. As the CA key goes first, a commit of our
        own that finds its place taken is still taken back whole."""
        if not source.stat().st_size:
            return
        try:
            try:
                target.hardlink_to(source)
            except FileExistsError:
                self._replace_ca_key(source, target, fresh=fresh)
        except (OSError, StoreError):
            if fresh:
                shutil.rmtree(self.path(COMMIT))
            raise

    def _replace_ca_key(self, source: Path, target: Path, *, fresh: bool) -> None:
        there = target.read_bytes() if target.is_file() else b""  # a pipe would keep us waiting
        if there == source.read_bytes():
            return  # an interrupted run came this far
        if _sha256(there) not in self._replaceable():
            another = (f"{source} is another one", "keep the right one of the two")
            raise self._taken(target, *(("nothing was changed",) if fresh else another)) from None
        source.replace(target)

    def _replaceable(self) -> frozenset[str]:
        """The CA keys, by SHA-256, that the commit may replace."""
        with suppress(FileNotFoundError):
            return frozenset(line.split()[0] for line in (self.path(COMMIT) / REPLACES).read_text().splitlines())
        return frozenset()

    @staticmethod
    def _move(source: Path, target: Path) -> None:
        if not source.exists():
            return  # a CA key that replaced another
        if not source.stat().st_size:
            target.unlink(missing_ok=True)
        elif source.name == JOURNAL:
            disk.append(target, source.read_bytes())
            source.unlink()
        elif not _is_ca_key(source.name):
            source.rename(target)

    def _where(self, file: str) -> Path:
        unplaced = self.path(COMMIT) / file
        return unplaced if unplaced.exists() else self.path(file)

    def _unfinished(self) -> frozenset[str]:
        try:
            found = [path for path in self.path(COMMIT).rglob("*") if path.is_file() and path.name != REPLACES]
        except FileNotFoundError:
            return frozenset()
        return frozenset(path.relative_to(self.path(COMMIT)).as_posix() for path in found)

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
                raise StoreError(
                    "another run holds it", "let that one end, then run again", Place(self.folder)
                ) from None
            if not self._is(descriptor):
                raise StoreError("changed since it was read", "run again", Place(self.folder))
            self.require_guarded()
            yield True
        finally:
            # a deploy runs under gevent, which closes a folder later than it is told to
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _is(self, descriptor: int) -> bool:
        """Whether an open folder is still the one at our path: another run may have removed it before it was held."""
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(descriptor), self.folder.stat())
        return False
