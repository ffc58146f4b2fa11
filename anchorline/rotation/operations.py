"""A rotation's part in a run: who has been seen to trust the next CA, and the gate before it takes over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from pyinfra import host
from pyinfra.api import Host, operation

from anchorline.authority.certificates import fingerprint, name_of
from anchorline.authority.generations import promote
from anchorline.authority.operations import explicit, staged
from anchorline.authority.store import Store
from anchorline.errors import AnchorlineError
from anchorline.fleet import Commands, Room, Run, for_the_fleet
from anchorline.rotation import sightings
from anchorline.trust.operations import outdated, trusting
from anchorline.trust.removal.plan import some


def next_of(run: Run) -> str:
    """The SHA-256 of the next CA while a rotation stands, or nothing."""
    certificate = staged(run).next
    return fingerprint(certificate) if certificate else ""


@operation()
def note() -> Commands:
    """Note in ``pki/`` who has been seen to trust the next CA, once for the whole fleet. Not where the pipeline's
    checkout doesn't last."""
    if not explicit(Run.of(host.state.inventory.get_host(host.name))):
        yield from for_the_fleet("note who was seen", _note)


@operation()
def hand_over() -> Commands:
    """Put the next CA into the present one's place, once for the whole fleet and only if every host of the inventory
    has been seen to trust it. Where one is missing nothing fails: the leaves stay, and the run ends with 1."""
    yield from for_the_fleet("hand over", _hand_over)


def _why_not(run: Run) -> dict[str, str]:
    """Every host of the inventory, with why it wasn't seen in this run to trust what it should, or nothing."""
    return {each.name: "" if each.name in trusting(run) else _cause(run, each) for each in run.state.inventory}


def _cause(run: Run, here: Host) -> str:
    failure = run.failures.get(here.name)
    if failure:
        return f"{failure.step}: {failure.cause}"
    if not run.state.is_host_in_limit(here):
        return "left out by --limit"
    reached = here in run.state.activated_hosts
    return "its stores weren't looked after in this run" if reached else "it can't be reached"


def _note(run: Run) -> None:
    now, store, digest = datetime.now(UTC), Store(run.spec.pki), next_of(run)
    noted = sightings.news(sightings.read(store, digest), _why_not(run), digest, run.spec.rotation, now)
    if noted:
        sightings.write(store, noted)


def _hand_over(run: Run) -> None:
    seen = sightings.read(Store(run.spec.pki), next_of(run))
    waited = sightings.missing(seen, _why_not(run), run.spec.rotation, datetime.now(UTC))
    run.held.extend(_held(run, waited))
    if run.held:
        return
    promotion = promote(run.spec)
    promotion.commit()
    run.promoted = promotion


def _held(run: Run, waited: dict[str, str]) -> list[str]:
    """What the summary says of a gate that holds; nothing where it opens."""
    certificate = staged(run).next
    assert certificate is not None  # noqa: S101 (declared only while a rotation stands)
    name, of = name_of(certificate), len(list(run.state.inventory))
    if explicit(run):
        return [
            f"rotation: {name} doesn't take over by this run, for `authority: {{issue: explicit}}` has no deploy issue "
            f"anything: run it with `issue: deploy` from the checkout that keeps {run.spec.pki}"
        ]
    if not waited:
        return []
    stale = [each for each, processes in outdated(run).items() if processes]
    lines = [f"rotation: held, {len(waited)} of {of} hosts not seen to trust {name}; the present CA goes on to serve"]
    lines += [f"  {each}: {why}" for each, why in sorted(waited.items())]
    lines += [f"  processes with the roots of before run on {some(stale)}"] if stale else []
    lines += ["  the next run goes on from here; a host that is gone: `rotation: {without: [HOST]}`"]
    return lines


def _refuse(run: Run) -> Iterable[str]:
    """What would keep the next CA from taking over in this run, such as a key that isn't here."""
    digest = next_of(run)
    if not digest or explicit(run):
        return
    why = {each.name: "" if run.reached(each) else "not reached" for each in run.state.inventory}
    seen = sightings.read(Store(run.spec.pki), digest)
    if not sightings.missing(seen, why, run.spec.rotation, datetime.now(UTC)):
        try:
            promote(run.spec)
        except AnchorlineError as error:
            yield str(error)


ROOM = Room("rotation", lambda _, __: None, lambda _, __: None, _refuse)
"""It asks hosts nothing of its own, and is among the rooms of a run while a rotation stands."""
