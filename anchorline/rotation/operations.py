"""The gate of a rotation: the next CA takes the present one's place once every host has been seen to trust it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from anchorline.authority import sightings
from anchorline.authority.certificates import name_of
from anchorline.authority.generations import promote as promote_next
from anchorline.authority.operations import PROMOTED, explicit, next_of, staged
from anchorline.authority.store import Store
from anchorline.characters import some
from anchorline.errors import AnchorlineError
from anchorline.fleet import Commands, Fleet, Probe, for_the_fleet, operation
from anchorline.problem import Problem
from anchorline.trust.operations import outdated, reasons_unseen


@operation
def promote() -> Commands:
    """Put the next CA into the present one's place, once for the whole fleet and only if every host of the inventory
    has been seen to trust it. Where one is missing nothing fails: the leaves stay, and the run ends with 1."""
    yield from for_the_fleet(_promote)


def _promote(fleet: Fleet) -> None:
    seen = sightings.read(Store(fleet.spec.pki), next_of(fleet))
    missing = sightings.missing(seen, reasons_unseen(fleet), fleet.spec.rotation, datetime.now(UTC))
    if blocked := _blocked_by(fleet, missing):
        fleet.blocked_by.append(blocked)
        return
    promotion = promote_next(fleet.spec)
    promotion.commit()
    PROMOTED.keep(fleet, promotion)


def _blocked_by(fleet: Fleet, missing: dict[str, str]) -> Problem | None:
    """Why a gate stays shut; None where it opens."""
    certificate = staged(fleet).next
    assert certificate is not None  # noqa: S101 (declared only while a rotation stands)
    name, of = name_of(certificate), len(fleet.hosts)
    if explicit(fleet):
        return Problem(
            f"rotation: {name} isn't promoted by this run, for `authority: {{issue: explicit}}` has no deploy issue "
            "anything",
            f"run it with `issue: deploy` from the checkout that keeps {fleet.spec.pki}",
        )
    if not missing:
        return None
    stale = [each for each, processes in outdated(fleet).items() if processes]
    told = [
        f"rotation: blocked, {len(missing)} of {of} hosts not seen to trust {name}, and the present CA goes on to serve"
    ]
    told += [sightings.reasons(missing)]
    told += [f"processes with the roots of before run on {some(stale)}"] if stale else []
    return Problem("; ".join(told), f"the next run goes on from here; {sightings.waived(missing)}")


def _preflight(fleet: Fleet) -> Iterable[Problem]:
    """What would keep the next CA from taking over in this run, such as a key that isn't here."""
    digest = next_of(fleet)
    if not digest or explicit(fleet):
        return
    why = {each.name: "" if fleet.reached(each) else "not reached" for each in fleet.hosts.values()}
    seen = sightings.read(Store(fleet.spec.pki), digest)
    if not sightings.missing(seen, why, fleet.spec.rotation, datetime.now(UTC)):
        try:
            promote_next(fleet.spec)
        except AnchorlineError as error:
            yield from error.problems


PROBE: Probe[None] = Probe("rotation", lambda _, __: None, lambda _, __: None, _preflight)
"""It asks hosts nothing of its own, and is among the probes of a run while a rotation stands."""
