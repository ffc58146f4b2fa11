"""What ``anchorline check`` says of the files that a spec brings: a CA and certificates that somebody else made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from anchorline.authority import disk, keys
from anchorline.authority.disk import refusals
from anchorline.authority.layout import CA
from anchorline.authority.maker import fitting_key
from anchorline.authority.passphrase import Passphrase
from anchorline.authority.survey import Survey, survey
from anchorline.errors import AuthorityError
from anchorline.problem import Place, Problem
from anchorline.spec import check as check_spec
from anchorline.spec.model import ExistingAuthority
from anchorline.spec.source import Loc, read


def check(path: Path) -> Iterator[Problem]:
    """Everything that is wrong with them, at their lines of the spec. Nothing where the spec itself is wrong.

    Here alone a key is read though nothing needs it: whether it fits is said before the night of the deploy. One that
    isn't here or can't be opened here is passed over.
    """
    document, _ = read(path)
    spec = check_spec(path).spec
    if document is None or spec is None:
        return
    at: dict[str, Loc] = {name: ("certificates", name) for name in spec.external}
    if isinstance(spec.authority, ExistingAuthority):
        at[CA] = ("authority",)
    if not at:
        return
    try:
        found = survey(spec)
    except AuthorityError as error:
        for problem in error.problems:
            yield _at(problem, Place(path))
        return
    said: set[Problem] = set()
    for status in found.statuses:
        if status.name in at:
            said |= set(status.problems)
            place = document.place((*at[status.name], "certificate"))
            yield from (_at(problem, place) for problem in status.problems)
    for name, problem in _wrong_keys(found):
        if problem not in said:
            yield _at(problem, document.place((*at[name], "key")))


def _at(problem: Problem, place: Place) -> Problem:
    """At its line of the spec, with the file that the line names."""
    file = f"{problem.where}: " if isinstance(problem.where, Place) else ""
    return replace(problem, cause=file + problem.cause, where=place)


def _wrong_keys(found: Survey) -> Iterator[tuple[str, Problem]]:
    passphrase = Passphrase()
    pairs = [(name, each.key_file, each.certificate) for name, each in found.external.items()]
    authority = found.spec.authority
    if isinstance(authority, ExistingAuthority) and authority.key and found.chain:
        pairs.append((CA, found.spec.path(authority.key), found.chain.issuer))
    for name, file, certificate in pairs:
        try:
            with refusals(file):
                there = file.exists()
            # an encrypted one without a passphrase can't be tried, and nobody is asked here
            if there and (not keys.encrypted(disk.read_key(file)) or passphrase.get()):
                fitting_key(file, certificate, passphrase)
        except AuthorityError as error:
            yield from ((name, problem) for problem in error.problems)
