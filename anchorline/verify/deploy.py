"""``verify.clients``: every client pulls what was pushed, with verification on. ``verify.doctor``: why one doesn't."""

from __future__ import annotations

from anchorline import registry, trust
from anchorline.authority.deploy import issue
from anchorline.fleet import Purpose, Run, begin, step
from anchorline.verify.examine import examine, require_ca
from anchorline.verify.operations import verify_host
from anchorline.verify.probe import PROBE


@step("Verify")
def clients() -> None:
    """Push an image from one client, and pull it from each, through each one's own runtime and store."""
    fleet = begin(trust.PROBE, registry.PROBE, PROBE)
    issue()
    if fleet.spec.registry is None:
        return
    if fleet.spec.verify.push == "one":
        verify_host(name="Push from one client", pusher=True)
    verify_host(name="Pull from every client", pusher=False)


@step("Doctor")
def doctor() -> None:
    """Name for each host the one cause why it can't pull, and the command that fixes it. Needs no key."""
    run, _ = Run.here()
    run.fleet.purpose = Purpose.DOCTOR
    require_ca(run.fleet)
    examine(name="Examine the host")
