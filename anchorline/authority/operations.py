"""The authority within a run: staged once in memory, written once, before any host may trust it."""

from __future__ import annotations

from pyinfra.api import operation

from anchorline.authority.certificates import fingerprint
from anchorline.authority.passphrase import Passphrase
from anchorline.authority.stage import Staged, stage
from anchorline.authority.survey import survey
from anchorline.commands import anchorline
from anchorline.errors import AuthorityError
from anchorline.fleet.operations import Commands, for_the_fleet
from anchorline.fleet.run import Run
from anchorline.problem import Place

STEP = "authority"


def staged(run: Run) -> Staged:
    """The authority of this run: read from ``pki/``, with what is to be issued made in memory. Nothing is written."""
    return run.once("the authority, staged", lambda: _staged(run))


def _staged(run: Run) -> Staged:
    made = stage(run.spec)
    if made.changes and explicit(run):
        why = "; ".join(f"{change.name}: {change.reason}" for change in made.changes)
        raise AuthorityError(
            f"to be issued ({why}), and `authority: {{issue: explicit}}` has no deploy do it",
            f"run `{anchorline('pki issue', run.file)}` where pki/ is kept, and deploy what it wrote",
            Place(run.spec.pki),
        )
    return made


def next_of(run: Run) -> str:
    """The SHA-256 of the next CA while a rotation stands, or nothing."""
    certificate = staged(run).next
    return fingerprint(certificate) if certificate else ""


def explicit(run: Run) -> bool:
    """Whether the spec has no deploy issue anything."""
    return run.spec.authority is not None and run.spec.authority.issue == "explicit"


def serving(run: Run) -> Staged:
    """The authority by which the registry serves: as it was staged, until the next CA took over in this run."""
    return run.promoted or staged(run)


def on_disk(run: Run) -> Staged:
    """The authority for a run that changes nothing: no certificate is looked after, so that no key is needed."""
    return run.once("the authority, staged", lambda: stage(run.spec, only=()))


def as_it_is(run: Run) -> Staged:
    """The authority for a look: what is broken or has ended in ``pki/`` is told, and stops nothing."""
    return run.once("the authority, staged", lambda: Staged(survey(run.spec), {}, Passphrase()))


@operation()
def commit() -> Commands:
    """Write what was staged to ``pki/``, once for the whole fleet.

    An error ends the run for every host, before the next operation: none may come to trust a CA that was never
    written.
    """
    yield from for_the_fleet("write the authority", lambda run: staged(run).commit())
