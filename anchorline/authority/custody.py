"""Who can read a site's keys: another passphrase for all at once, and a word where git takes a plain one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from anchorline.authority import disk, keys
from anchorline.authority.passphrase import Passphrase
from anchorline.authority.store import Store
from anchorline.authority.survey import names_of
from anchorline.errors import AuthorityError, Place, Problem
from anchorline.spec.model import Spec

PLAIN_IN_GIT = "ANC301"


def reencrypt(spec: Spec, old: Passphrase, new: str | None) -> list[Path]:
    """Write every key of a site anew, of all generations, under another passphrase, or under none. All of them or none.

    Raises PassphraseError where the old one doesn't fit, AuthorityError for a key that can't be read, StoreError.
    """
    store = Store(spec.pki)
    if not spec.pki.is_dir():
        raise AuthorityError(f"{spec.pki}: no keys here yet; anchorline pki issue")
    store.commit({}, None)  # what an interrupted run decided comes first
    seen = store.look(names_of(spec))
    files: dict[str, bytes] = {}
    replaces: dict[str, str] = {}
    for file in key_files(spec):
        pem = store.read(file)
        files[file] = keys.write(old.read(pem, store.path(file)), new)
        replaces[file] = sha256(pem).hexdigest()
    store.commit(files, seen, names_of(spec), replaces=replaces)
    return [store.path(file) for file in files]


def key_files(spec: Spec) -> list[str]:
    """Every key in the site's folder, in place, by its path there."""
    paths = (path.relative_to(spec.pki) for path in spec.pki.rglob("*.pem") if disk.is_key(path.name))
    return sorted(path.as_posix() for path in paths if not path.parts[0].startswith("."))


def plain_in_git(spec: Spec) -> Iterator[Problem]:
    """A key that isn't encrypted and that git has, or would take with the next ``git add``."""
    if not (shutil.which("git") and _git(spec, "rev-parse", "--is-inside-work-tree")):
        return
    for file in (spec.pki / each for each in key_files(spec)):
        try:
            plain = not keys.encrypted(file.read_bytes())
        except OSError:
            continue  # its mode and its owner are what a deploy checks
        tracked = plain and _git(spec, "ls-files", "--error-unmatch", str(file))
        if tracked or (plain and not _git(spec, "check-ignore", "--quiet", str(file))):
            what = "a private key that isn't encrypted, " + ("in git" if tracked else "and git doesn't ignore it")
            mend = f"git rm --cached {file}; then take it for known, and rekey; " if tracked else ""
            mend += "encrypt the keys: anchorline pki passphrase; or have git ignore them"
            yield Problem(Place(file), what, mend, PLAIN_IN_GIT)


def _git(spec: Spec, *arguments: str) -> bool:
    folder = next(each for each in (spec.pki, *spec.pki.parents) if each.is_dir())
    command = ["git", "-C", str(folder), *arguments]
    return not subprocess.run(command, check=False, capture_output=True, timeout=20).returncode
