"""``verify.prove``: every client pulls what was pushed, with verification on. ``verify.doctor``: why one doesn't."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from anchorline import registry, trust
from anchorline.authority.deploy import issue
from anchorline.fleet import Run, begin
from anchorline.verify.examine import examine, require_ca
from anchorline.verify.operations import prove as make_the_trip
from anchorline.verify.probe import ROOM


@deploy("Verify")
def prove() -> None:
    """Push an image from one client, and pull it from each, through each one's own runtime and store."""
    run = begin(trust.ROOM, registry.ROOM, ROOM)
    issue()
    if run.spec.registry is None:
        return
    if run.spec.verify.push == "one":
        make_the_trip(name="Push from one client", pusher=True)
    make_the_trip(name="Pull from every client", pusher=False)


@deploy("Doctor")
def doctor() -> None:
    """Name for each host the one cause why it can't pull, and the command that mends it. Needs no key."""
    require_ca(Run.of(host.state.inventory.get_host(host.name)))
    examine(name="Examine the host")
