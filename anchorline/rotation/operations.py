"""The gate of a rotation: the next CA takes the present one's place once every host has been seen to trust it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from pyinfra.api import operation

from anchorline.authority import sightings
from anchorline.authority.certificates import name_of
from anchorline.authority.generations import promote as promote_next
from anchorline.authority.operations import explicit, next_of, staged
from anchorline.authority.store import Store
from anchorline.errors import AnchorlineError
from anchorline.fleet import Commands, Probe, Run, for_the_fleet
from anchorline.problem import Problem
from anchorline.trust.operations import outdated, reasons_unseen
from anchorline.trust.removal.plan import some


@operation()
def promote() -> Commands:
    """Put the next CA into the present one's place, once for the whole fleet and only if every host of the inventory
    has been seen to trust it. Where one is missing nothing fails: the leaves stay, and the run ends with 1."""
    yield from for_the_fleet("promote the next CA", _promote)


def _promote(run: Run) -> None:
    seen = sightings.read(Store(run.spec.pki), next_of(run))
    missing = sightings.missing(seen, reasons_unseen(run), run.spec.rotation, datetime.now(UTC))
    if blocked := _blocked_by(run, missing):
        run.blocked_by.append(blocked)
        return
    promotion = promote_next(run.spec)
    promotion.commit()
    run.promoted = promotion


def _blocked_by(run: Run, missing: dict[str, str]) -> Problem | None:
    """Why a gate stays shut; None where it opens."""
    certificate = staged(run).next
    assert certificate is not None  # noqa: S101 (declared only while a rotation stands)
    name, of = name_of(certificate), len(list(run.state.inventory))
    if explicit(run):
        return Problem(
            f"rotation: {name} doesn't take over by this run, for `authority: {{issue: explicit}}` has no deploy issue "
            "anything",
            f"run it with `issue: deploy` from the checkout that keeps {run.spec.pki}",
        )
    if not missing:
        return None
    stale = [each for each, processes in outdated(run).items() if processes]
    told = [
        f"rotation: blocked, {len(missing)} of {of} hosts not seen to trust {name}, and the present CA goes on to serve"
    ]
    told += [f"{each}: {why}" for each, why in sorted(missing.items())]
    told += [f"processes with the roots of before run on {some(stale)}"] if stale else []
    return Problem(
        "; ".join(told), "the next run goes on from here; a host that is gone: `rotation: {without: [HOST]}`"
    )


def _preflight(run: Run) -> Iterable[Problem]:
    """What would keep the next CA from taking over in this run, such as a key that isn't here."""
    digest = next_of(run)
    if not digest or explicit(run):
        return
    why = {each.name: "" if run.reached(each) else "not reached" for each in run.state.inventory}
    seen = sightings.read(Store(run.spec.pki), digest)
    if not sightings.missing(seen, why, run.spec.rotation, datetime.now(UTC)):
        try:
            promote_next(run.spec)
        except AnchorlineError as error:
            yield from error.problems


PROBE = Probe("rotation", lambda _, __: None, lambda _, __: None, _preflight)
"""It asks hosts nothing of its own, and is among the probes of a run while a rotation stands."""
