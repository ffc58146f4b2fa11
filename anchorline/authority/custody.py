"""Who can read a site's keys: another passphrase for all at once, and a word where git takes a plain one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from anchorline.authority import disk, keys
from anchorline.authority.gitignore import key_files
from anchorline.authority.layout import CA
from anchorline.authority.passphrase import Passphrase
from anchorline.authority.read import names_of
from anchorline.authority.store import Store
from anchorline.commands import anchorline
from anchorline.errors import AuthorityError, StoreError
from anchorline.problem import Place, Problem
from anchorline.spec.model import Spec

PLAIN_IN_GIT = "ANC301"
_NO_WORK_TREE = (b"not a git repository", b"must be run in a work tree")
# a hook has them for its own folder, from which they are relative; here git shall find the work tree by itself
_OF_A_HOOK = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"}


def reencrypt(spec: Spec, old: Passphrase, new: str | None) -> list[Path]:
    """Write every key of a site anew, of all generations, under another passphrase, or under none. All of them or none.

    Raises PassphraseError where the old one doesn't fit, AuthorityError for a key that can't be read, StoreError.
    """
    store = Store(spec.pki)
    if not spec.pki.is_dir():
        raise AuthorityError("no keys here yet", anchorline("pki issue", spec.file), Place(spec.pki))
    store.commit({}, None)  # what an interrupted run decided comes first
    seen = store.contents(names_of(spec))
    files: dict[str, bytes] = {}
    replaces: dict[str, str] = {}
    for file in key_files(spec.pki):
        pem = store.read(file)
        files[file] = keys.write(old.read(pem, store.path(file)), new)
        replaces[file] = sha256(pem).hexdigest()
    store.commit(files, seen, names_of(spec), replaces=replaces)
    return [store.path(file) for file in files]


def unguarded(spec: Spec) -> tuple[Problem, ...]:
    """What in a site's folder, or above it, is open to other users: every run would stop there."""
    try:
        Store(spec.pki).require_guarded()
    except StoreError as error:
        return error.problems
    return ()


def plain_in_git(spec: Spec) -> Iterator[Problem]:
    """A key that isn't encrypted and that git has, or would take with the next ``git add``."""
    plain = [file for file in key_files(spec.pki) if _is_plain(spec.pki / file)]
    if not plain or not shutil.which("git"):
        return
    try:
        tracked, untracked = _git(spec.pki, "--cached"), _git(spec.pki, "--others", "--exclude-standard")
    except (OSError, subprocess.SubprocessError) as error:
        what = f"git can't tell whether it takes the keys here, which aren't encrypted: {_cause(error)}"
        yield Problem(what, f"git -C {spec.pki} status has to work", Place(spec.pki), code=PLAIN_IN_GIT)
        return
    for file in plain:
        if file in tracked | untracked:
            what = "a private key that isn't encrypted, "
            what += "in git" if file in tracked else "and git doesn't ignore it"
            fix = f"git rm --cached {spec.pki / file}; {_renewal(spec, file)}; " if file in tracked else ""
            fix += f"encrypt the keys: {anchorline('pki passphrase', spec.file)}; or have git ignore them"
            yield Problem(what, fix, Place(spec.pki / file), code=PLAIN_IN_GIT)


def _is_plain(file: Path) -> bool:
    try:
        return not keys.encrypted(disk.read(file))
    except StoreError:
        return False  # its mode and its owner are what a deploy checks


def _renewal(spec: Spec, file: str) -> str:
    """What has been in git is known to all who have a copy of it."""
    name = file.rpartition("/")[2].removesuffix("-key.pem")
    return f"take it for known: {anchorline('pki rotate' if name == CA else f'pki rekey {name}', spec.file)}"


def _git(folder: Path, *which: str) -> set[str]:
    """The files below ``folder`` that git lists; none where that is no work tree. Raises what subprocess.run raises."""
    command = ["git", "-C", str(folder), "ls-files", "-z", *which]
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK} | {"LC_ALL": "C"}
    ran = subprocess.run(command, env=environment, check=False, capture_output=True, timeout=20)
    if ran.returncode and not any(words in ran.stderr for words in _NO_WORK_TREE):
        ran.check_returncode()
    return set(filter(None, ran.stdout.decode(errors="surrogateescape").split("\0")))


def _cause(error: OSError | subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return next(iter(error.stderr.decode(errors="replace").splitlines()), f"it ended with {error.returncode}")
    return "no answer in 20 s" if isinstance(error, subprocess.TimeoutExpired) else str(error)
