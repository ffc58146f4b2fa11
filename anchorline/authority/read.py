"""Everything by which a site's CA and certificates are judged, read once: the store in ``pki/``, and the files that the
spec names. No key is kept, only what is wrong with its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from anchorline.authority import disk, keys
from anchorline.authority.disk import refusals
from anchorline.authority.layout import CA, NEXT_CA, PREVIOUS_CA
from anchorline.authority.owners import require_unwritable
from anchorline.authority.store import Contents, Store
from anchorline.errors import AuthorityError
from anchorline.spec.model import DeclaredAuthority, ExistingAuthority, Spec


@dataclass(frozen=True)
class Files:
    """What was found. ``certificates`` are those files that the spec names, or why they can't be read; ``keys`` the key
    files of somebody else's certificates that are there, each with what is wrong with it, or None."""

    contents: Contents
    certificates: Mapping[Path, bytes | AuthorityError]
    keys: Mapping[Path, AuthorityError | None]

    def certificate(self, file: Path) -> bytes:
        """One of ``certificates``. Raises AuthorityError where it couldn't be read."""
        content = self.certificates[file]
        if isinstance(content, AuthorityError):
            raise content
        return content


def names_of(spec: Spec) -> tuple[str, ...]:
    """The names whose files lie in the spec's store: the certificates that we issue, and the CA where we make it."""
    made = (CA, NEXT_CA, PREVIOUS_CA) if isinstance(spec.authority, DeclaredAuthority) else ()
    return (*made, *spec.requests)


def read(spec: Spec) -> Files:
    """Read a site. Raises StoreError where the store as a whole can't be read, or another run is writing to it."""
    named = [spec.path(each) for each in spec.trust.also]
    named += [spec.path(each.certificate) for each in spec.external.values()]
    keyed = [spec.path(each.key) for each in spec.external.values()]
    if isinstance(spec.authority, ExistingAuthority):
        named.append(spec.path(spec.authority.certificate))
        keyed += [spec.path(spec.authority.key)] if spec.authority.key else []
    of_others = dict(_keys(keyed))
    return Files(Store(spec.pki).contents(names_of(spec)), {file: _certificate(file) for file in named}, of_others)


def _certificate(file: Path) -> bytes | AuthorityError:
    try:
        return disk.read(file, require_unwritable)
    except AuthorityError as problem:
        return problem


def _keys(files: Iterable[Path]) -> Iterator[tuple[Path, AuthorityError | None]]:
    for file in files:
        try:
            with refusals(file):
                there = file.exists()
            if there:
                keys.require_form(disk.read_key(file), file)
                yield file, None
        except AuthorityError as problem:
            yield file, problem
