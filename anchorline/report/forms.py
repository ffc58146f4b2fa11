"""The forms of a report: one table of words, and how one comes into a file."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from anchorline.errors import AnchorlineError
from anchorline.report.data import data
from anchorline.report.junit import junit
from anchorline.report.markdown import markdown
from anchorline.report.model import Report
from anchorline.report.prometheus import prometheus

MODE = 0o644
"""node_exporter, a web server and the next step of a pipeline run as other users."""
_BLOCK = 4096


def _html(report: Report) -> str:
    from anchorline.report.page import page  # what it draws with is loaded for a page alone

    return page(report)


def _text(report: Report) -> str:
    from anchorline.report.text import text

    return text(report)


FORMS: dict[str, Callable[[Report], str]] = {
    "json": data,
    "junit": junit,
    "prometheus": prometheus,
    "html": _html,
    "markdown": markdown,
    "text": _text,
}
"""A form's word, and what makes it."""
SUFFIXES = {
    ".json": "json",
    ".xml": "junit",
    ".prom": "prometheus",
    ".html": "html",
    ".md": "markdown",
    ".txt": "text",
}
"""What a file's name ends in, and the form that it means."""

_FIX = {
    errno.ENOENT: "make the folder {folder} first",
    errno.ENOTDIR: "name a file in a folder: {folder} is none",
    errno.EACCES: "let this user write in {folder}, or name another file",
    errno.EPERM: "let this user write in {folder}, or name another file",
    errno.EROFS: "name a file where this user can write: {folder} is mounted read-only",
    errno.ENOSPC: "make room on the disk, or name a file on another",
    errno.EDQUOT: "make room in your quota, or name a file on another disk",
    errno.EFBIG: "raise this user's limit on a file's size, or name another form",
    errno.ENAMETOOLONG: "name a file with a shorter name",
    errno.ELOOP: "name a file that is no link to itself",
}


def form_of(path: Path) -> str:
    """The form that a file's name asks for. Raises AnchorlineError, which names all of them."""
    if form := SUFFIXES.get(path.suffix.lower()):
        return form
    known = ", ".join(f"{suffix} ({form})" for suffix, form in SUFFIXES.items())
    raise AnchorlineError(f"{path}: the name tells no form of a report; let it end in {known}")


def write(report: Report, form: str, path: Path) -> None:
    """Write a report, whole or not at all: a reader sees the file of before or the new one. A link stays one.

    Raises AnchorlineError for a form that there isn't, and for a file that can't be written; then nothing has changed.
    """
    if form not in FORMS:
        raise AnchorlineError(f"{form}: no form of a report; there are {', '.join(FORMS)}")
    # what no UTF-8 can say is a byte of a host's name that was none: shown as such
    content = FORMS[form](report).encode("utf-8", "backslashreplace")
    with _beside(path) as (descriptor, new, target):
        _write(descriptor, content)
        os.fchmod(descriptor, MODE)
        os.fsync(descriptor)
        new.replace(target)


def require_writable(path: Path) -> None:
    """Raise AnchorlineError unless a report can be written there, before a run that would tell of it begins.

    Leaves no trace, and what is there as it is.
    """
    with _beside(path) as (descriptor, _, _):
        _write(descriptor, bytes(_BLOCK))


@contextmanager
def _beside(path: Path) -> Iterator[tuple[int, Path, Path]]:
    """A new file in the folder of ``path``, and where ``path`` leads to; it is gone at the end, unless renamed."""
    try:
        target = Path(os.path.realpath(path))
        _require_file(path, target)
        # its name owes nothing to the path's, which may be as long as names can be; and it ends in no suffix of a form,
        # for node_exporter reads whatever ends in .prom
        descriptor, name = tempfile.mkstemp(prefix=".anchorline-", suffix=".tmp", dir=target.parent)
        new = Path(name)
        try:
            yield descriptor, new, target
        finally:
            os.close(descriptor)
            new.unlink(missing_ok=True)
    except OSError as error:
        fix = _FIX.get(error.errno or 0, "name another file").format(folder=path.parent)
        raise _refused(path, f"{error.strerror or error}; {fix}") from None
    except ValueError as error:  # a zero byte in the path
        raise _refused(path, f"{error}; name another file") from None


def _require_file(path: Path, target: Path) -> None:
    """Raise AnchorlineError for what a rename must not take the place of: a folder, a device, a pipe."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise _refused(path, "a folder is there; name a file in it")
    if not stat.S_ISREG(mode):
        raise _refused(path, "this is no file; name one")


def _refused(path: Path, why: str) -> AnchorlineError:
    return AnchorlineError(f"{path}: the report can't be written: {why}")


def _write(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
