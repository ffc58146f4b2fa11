"""What takes long to build is built once, and shared by every checkout of this machine.

An artefact is a folder named after the hash of all that goes into it. It is built in a folder beside its place and
renamed when it is whole, so an interrupted build is never used; a lock lets one build run and the others wait for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


def cache_home() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "anchorline-lab"


def digest(inputs: Iterable[str | bytes]) -> str:
    """One short hash of all the inputs, each told apart from its neighbours by its length."""
    whole = hashlib.sha256()
    for part in inputs:
        data = part.encode() if isinstance(part, str) else part
        whole.update(b"%d:" % len(data) + data)
    return whole.hexdigest()[:16]


def tree(folder: Path) -> Iterator[str | bytes]:
    """Everything that makes up a folder of the recipe: names, execute bits and contents, in one order."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield from (str(path.relative_to(folder)), oct(path.stat().st_mode & 0o111), path.read_bytes())


@contextmanager
def locked(lock: Path) -> Iterator[None]:
    """Hold `lock` alone; the kernel lets go of it when the process ends, however it ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def artefact(kind: str, inputs: Iterable[str | bytes], build: Callable[[Path], None]) -> Path:
    """The folder of this kind made from these inputs; `build` fills it when there is none yet."""
    home = cache_home()
    place = home / f"{kind}-{digest(inputs)}"
    if place.exists():
        return place
    with locked(home / f"{kind}.lock"):
        if place.exists():  # another checkout built it while we waited
            return place
        log.info("building the %s (once; it is kept in %s)", kind, home)
        for left in home.glob(f".{kind}-*"):
            shutil.rmtree(left)
        # Opened to others on purpose: it becomes the root folder of a host.
        work = Path(tempfile.mkdtemp(prefix=f".{kind}-", dir=home))
        try:
            work.chmod(0o755)
            build(work)
            work.rename(place)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
    return place
