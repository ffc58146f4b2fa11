"""Files, read and written with care; what the system says becomes a StoreError in words."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from anchorline.authority import keys, owners
from anchorline.authority.layout import is_key
from anchorline.errors import StoreError
from anchorline.problem import Place

CERTIFICATE_MODE, KEY_MODE = 0o644, 0o600
LARGEST = 1 << 20
"""A megabyte; no certificate file is as large."""
LONGEST = 1 << 26
"""64 megabytes: what a file of lines may have grown to."""
FOLDER_MODE, PRIVATE_FOLDER_MODE = 0o755, 0o700

_FIX = {
    errno.ENOSPC: "make room on the disk and run again",
    errno.EDQUOT: "make room in your quota and run again",
    errno.EROFS: "make the folder writable and run again",
    errno.EACCES: "let this user at it and run again",
    errno.EPERM: "let this user at it and run again",
    errno.ENOENT: "restore it from a backup, or fix its path",
    errno.ENXIO: "this is no file; move it away",
}


@contextmanager
def refusals(path: Path, outcome: str = "") -> Iterator[None]:
    """Raise what the system refuses as StoreError: which file, why, what is left behind, what to do."""
    try:
        yield
    except OSError as error:
        cause = "; ".join(filter(None, (error.strerror or str(error), outcome)))
        raise StoreError(cause, _FIX.get(error.errno or 0, ""), Place(Path(error.filename or path))) from None


def read(path: Path, require: Callable[[Path, os.stat_result], None] | None = None, *, largest: int = LARGEST) -> bytes:
    """Read a file of ``largest`` bytes at most, one of ``owners``' judges permitting."""
    with _opened(path) as descriptor:
        if require:
            require(path, os.fstat(descriptor))
        return _read(path, descriptor, largest)


def read_key(path: Path) -> bytes:
    """Read a key file that belongs to this user and to nobody else."""
    with _opened(path) as descriptor:
        _require_private(path, descriptor)
        return _read(path, descriptor)


def check_key(path: Path) -> None:
    """Raise StoreError unless the key file belongs to this user and to nobody else. The key isn't read."""
    with _opened(path) as descriptor:
        _require_private(path, descriptor)


def create(file: Path, content: bytes) -> None:
    """Write a file that isn't there. What lies there may be a key, so it isn't replaced."""
    with refusals(file):
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, CERTIFICATE_MODE)
        except FileExistsError:
            if file.is_file() and read(file) == content:
                return
            raise StoreError("something else is here already", "take another name or remove it", Place(file)) from None
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)


def write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Create files in an empty folder and see them on the disk. All are written before the first is synced: so the file
    system writes its own log fewer times."""
    for file, content in files.items():
        make_folder((folder / file).parent, PRIVATE_FOLDER_MODE, PRIVATE_FOLDER_MODE)
        descriptor = os.open(folder / file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, KEY_MODE)
        try:
            os.fchmod(descriptor, KEY_MODE if is_key(file) else CERTIFICATE_MODE)
            _write(descriptor, content)
        finally:
            os.close(descriptor)
    for file in files:
        sync(folder / file)
    for each in sorted(
        {parent for file in files for parent in (folder / file).parents if parent.is_relative_to(folder)}
    ):
        sync(each)


def make_folder(folder: Path, mode: int, above: int = FOLDER_MODE, made: list[Path] | None = None) -> bool:
    """Make a folder, and with the mode ``above`` those above it, where there are none. Whether there was something to
    make; ``made`` is told of each, whatever comes then.

    Python gives what is above it 0777, of which a umask of 0 takes nothing.
    """
    missing = [each for each in (*reversed(folder.parents), folder) if not each.is_dir()]
    for each in missing:
        each.mkdir(mode if each == folder else above, exist_ok=True)
        if made is not None:
            made.append(each)
    return bool(missing)


def append(path: Path, lines: bytes) -> None:
    """Add whole lines to a file and see them on the disk. Those that an earlier run that broke off has added already
    aren't doubled, and of the one in which it broke off only the rest is written."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, CERTIFICATE_MODE)
    try:
        _require_file(path, descriptor)
        os.fchmod(descriptor, CERTIFICATE_MODE)
        begin = max(0, os.fstat(descriptor).st_size - len(lines))
        *ended, torn = os.pread(descriptor, len(lines), begin).split(b"\n")
        left = b"".join(line + b"\n" for line in lines.splitlines() if line not in ended)
        _write(descriptor, left.removeprefix(torn) if left.startswith(torn) else b"\n" + left)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def sync(path: Path) -> None:
    """See a file or a folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    with refusals(path):
        # without O_NONBLOCK a pipe in its place would wait for a writer
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _require_file(path, descriptor)
        with refusals(path):
            yield descriptor
    finally:
        os.close(descriptor)


def _require_file(path: Path, descriptor: int) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise StoreError("this is no file", "move it away", Place(path))


def _read(path: Path, descriptor: int, largest: int = LARGEST) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        size = "a megabyte; that is no key and no certificate" if largest == LARGEST else f"{largest >> 20} megabytes"
        raise StoreError(f"larger than {size}", where=Place(path))
    return content


def _require_private(path: Path, descriptor: int) -> None:
    """Git keeps no mode 0600: a key that a passphrase protects may be read by others, but not written."""
    found = os.fstat(descriptor)
    if not owners.mine(found):
        raise StoreError(
            f"the key belongs to another user (uid {found.st_uid})", f"chown {os.geteuid()} {path}", Place(path)
        )
    mode = stat.S_IMODE(found.st_mode)
    encrypted = keys.encrypted(os.pread(descriptor, 200, 0))
    if owners.writable(path, found) if encrypted else mode & 0o077:
        raise StoreError(f"the key is in reach of other users (mode {mode:04o})", f"chmod 600 {path}", Place(path))
