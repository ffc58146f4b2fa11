"""The authority within a run: staged once in memory, written once, before any host may trust it."""

from __future__ import annotations

from anchorline.authority.certificates import fingerprint
from anchorline.authority.passphrase import Passphrase
from anchorline.authority.stage import Staged, stage
from anchorline.authority.survey import survey
from anchorline.commands import anchorline
from anchorline.errors import AuthorityError
from anchorline.fleet.fleet import Fleet, Kept, Purpose, once
from anchorline.fleet.operations import Commands, for_the_fleet
from anchorline.fleet.run import operation
from anchorline.problem import Place

PROMOTED: Kept[Staged] = Kept()
"""The authority after the next CA took over in this run."""


@once
def staged(fleet: Fleet) -> Staged:
    """The authority of this run, read from ``pki/``. Nothing is written.

    In a deploy with what is to be issued made in memory. For a status what is broken or has ended is told, and stops
    nothing; the doctor looks after no certificate, so that no key is needed.
    """
    if fleet.purpose is Purpose.STATUS:
        return Staged(survey(fleet.spec), {}, Passphrase())
    if fleet.purpose is Purpose.DOCTOR:
        return stage(fleet.spec, only=())
    made = stage(fleet.spec)
    if made.changes and explicit(fleet):
        why = "; ".join(f"{change.name}: {change.reason}" for change in made.changes)
        raise AuthorityError(
            f"to be issued ({why}), and `authority: {{issue: explicit}}` has no deploy do it",
            f"run `{anchorline('pki issue', fleet.file)}` where pki/ is kept, and deploy what it wrote",
            Place(fleet.spec.pki),
        )
    return made


def next_of(fleet: Fleet) -> str:
    """The SHA-256 of the next CA while a rotation stands, or nothing."""
    certificate = staged(fleet).next
    return fingerprint(certificate) if certificate else ""


def explicit(fleet: Fleet) -> bool:
    """Whether the spec has no deploy issue anything."""
    return fleet.spec.authority is not None and fleet.spec.authority.issue == "explicit"


def serving(fleet: Fleet) -> Staged:
    """The authority by which the registry serves: as it was staged, until the next CA took over in this run."""
    return PROMOTED.of(fleet) or staged(fleet)


@operation
def commit() -> Commands:
    """Write what was staged to ``pki/``, once for the whole fleet.

    An error ends the run for every host, before the next operation: none may come to trust a CA that was never
    written.
    """
    yield from for_the_fleet(_commit)


def _commit(fleet: Fleet) -> None:
    staged(fleet).commit()
