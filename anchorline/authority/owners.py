"""Who else can change a file or a folder: nobody may, but this user and root. What others can write is anybody's word.

As with git, root also takes the files of the user for whom sudo runs (``SUDO_UID``). As with Debian's OpenSSH, a group
may write that has no member but the owner: such groups are what a umask of 002 is for.
"""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from anchorline.errors import StoreError
from anchorline.problem import Place, Problem

_ACL = "system.posix_acl_access"


def require_ours(path: Path, found: os.stat_result) -> None:
    """Raise StoreError unless what was ``found`` at ``path`` is this user's, or root's, and nobody else can write."""
    if not ours(found):
        raise StoreError(_foreign(found), f"{_sudo()}chown {os.geteuid()} {_quoted(path)}", Place(path))
    require_unwritable(path, found, "chmod -R" if stat.S_ISDIR(found.st_mode) else "chmod")


def require_unwritable(path: Path, found: os.stat_result, chmod: str = "chmod") -> None:
    """Raise StoreError where others than its owner can write to what was ``found`` at ``path``."""
    if writable(path, found):
        mode = stat.S_IMODE(found.st_mode)
        raise StoreError(f"other users can write to it (mode {mode:04o})", f"{chmod} go-w {_quoted(path)}", Place(path))


def require_way(path: Path) -> None:
    """Raise StoreError, with all that is wrong, unless nobody else can put another file or folder in the place of this
    one: by the folders above it, and those of the links that lead to it. In a sticky one, such as /tmp, nobody can."""
    problems: dict[Path, Problem] = {}
    for each in _way(Path(os.path.abspath(path))):  # noqa: PTH100 (Path's doesn't take a .. away)
        found = each.lstat()
        if not ours(found):
            problems[each] = Problem(_foreign(found), _as_owner(each, found.st_uid), Place(each))
        elif not (stat.S_ISLNK(found.st_mode) or found.st_mode & stat.S_ISVTX):
            try:
                require_unwritable(each, found)
            except StoreError as error:
                problems[each] = error.problems[0]
    if problems:
        raise StoreError.of(problems.values())


def require_tree(folder: Path, folders: frozenset[str], whole: str) -> None:
    """Raise StoreError unless every folder in ``folder`` is ours and none is a link, and in the one called ``whole``
    every file is ours. Files may be links, where nobody else can change what they lead to.

    ``folders`` are the names in it that are folders or nothing.
    """
    require_ours(folder, folder.stat())
    for here, below, files in os.walk(folder, onerror=_raise):
        inside = (folder / whole) in (Path(here), *Path(here).parents)
        for path in (Path(here, name) for name in (*below, *files)):
            found = path.lstat()
            of_a_run = inside or (Path(here) == folder and path.name in folders)
            if path.name in below or of_a_run:
                _require_kind(path, found.st_mode, folder, inside=inside)
                if of_a_run and not ours(found):
                    # what somebody else has made there isn't made ours by a change of its owner
                    raise StoreError(_foreign(found), _away(path, folder), Place(path))
                require_ours(path, found)
            elif stat.S_ISLNK(found.st_mode) and path.exists():
                require_way(path)


def _require_kind(path: Path, mode: int, folder: Path, *, inside: bool) -> None:
    if not (stat.S_ISDIR(mode) or (inside and stat.S_ISREG(mode))):
        what = "a link" if stat.S_ISLNK(mode) else "no file" if inside else "no folder"
        raise StoreError(f"this is {what}", _away(path, folder), Place(path))


def _raise(error: OSError) -> None:
    raise error


def _way(path: Path) -> Iterator[Path]:
    """Every folder and every link by which a path is reached, without what is at its end."""
    for each in (*reversed(path.parents), path):
        if each.is_symlink():
            yield each
            yield from _way(each.parent / each.readlink())
        if each != path:
            yield Path(os.path.realpath(each))


def mine(found: os.stat_result) -> bool:
    """Whether it belongs to this user, or to the one for whom sudo runs root."""
    return str(found.st_uid) in (str(os.geteuid()), os.environ.get("SUDO_UID") if os.geteuid() == 0 else None)


def ours(found: os.stat_result) -> bool:
    """Whether it belongs to this user, or to one who may do all that this user may."""
    return found.st_uid == 0 or mine(found)


def writable(path: Path, found: os.stat_result) -> bool:
    """Whether others than its owner can write to it."""
    if found.st_mode & stat.S_IWGRP and (not private(found.st_gid, found.st_uid) or _has_acl(path)):
        return True
    return bool(found.st_mode & stat.S_IWOTH)


@cache
def private(gid: int, uid: int) -> bool:
    """Whether nobody but one user is in a group."""
    try:
        named = set(grp.getgrgid(gid).gr_mem) - {pwd.getpwuid(uid).pw_name}
    except KeyError:
        return False
    return not named and {each.pw_uid for each in pwd.getpwall() if each.pw_gid == gid} <= {uid}


def _has_acl(path: Path) -> bool:
    """Whether the group's bits in the mode are those of others as well (acl(5): they are the mask then)."""
    try:
        return _ACL in os.listxattr(path)
    except (OSError, AttributeError):  # a file system without them; a system that isn't Linux
        return False


def _foreign(found: os.stat_result) -> str:
    return f"it belongs to another user (uid {found.st_uid})"


def _as_owner(path: Path, uid: int) -> str:
    if os.geteuid() == 0:
        return f"run this as that user, or, where that user may decide what hosts trust: export SUDO_UID={uid}"
    return f"run this as that user, or: sudo chown {os.geteuid()} {_quoted(path)}"


def _away(path: Path, folder: Path) -> str:
    """Out of the folder, with all that is in it: it may be worth a look."""
    target = folder.with_name(f"{folder.name}-{path.name.lstrip('.')}-moved-away")
    return f"{_sudo()}mv {_quoted(path)} {_quoted(target)}"


def _sudo() -> str:
    return "sudo " if os.geteuid() else ""


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
