"""``verify.clients``: every client pulls what was pushed, with verification on. ``verify.doctor``: why one doesn't."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from anchorline import registry, trust
from anchorline.authority.deploy import issue
from anchorline.fleet import Run, begin
from anchorline.verify.examine import examine, require_ca
from anchorline.verify.operations import verify_host
from anchorline.verify.probe import PROBE


@deploy("Verify")
def clients() -> None:
    """Push an image from one client, and pull it from each, through each one's own runtime and store."""
    run = begin(trust.PROBE, registry.PROBE, PROBE)
    issue()
    if run.spec.registry is None:
        return
    if run.spec.verify.push == "one":
        verify_host(name="Push from one client", pusher=True)
    verify_host(name="Pull from every client", pusher=False)


@deploy("Doctor")
def doctor() -> None:
    """Name for each host the one cause why it can't pull, and the command that fixes it. Needs no key."""
    require_ca(Run.of(host.state.inventory.get_host(host.name)))
    examine(name="Examine the host")
