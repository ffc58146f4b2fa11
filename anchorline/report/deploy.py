"""``report.status``: the whole fleet is asked, and nothing is changed. ``anchorline status`` is this step."""

from __future__ import annotations

from pyinfra import host

from anchorline import registry, trust, verify
from anchorline.authority.operations import staged
from anchorline.fleet import Commands, Purpose, Run, operation, step
from anchorline.fleet.operations import probe_host
from anchorline.report.probe import PROBE
from anchorline.verify import examine

PROBES = (trust.PROBE, registry.PROBE, verify.PROBE, examine.PROBE, PROBE)


@step("Status")
def status() -> None:
    """Look at the host, in one exec: what it trusts, what it is served, what it runs. Needs no key."""
    run, _ = Run.here()
    run.fleet.purpose = Purpose.STATUS
    staged(run.fleet)  # what is wrong with the spec or pki/ ends the run here, not in the middle of hosts
    gather(name="Probe the host")


@operation
def gather() -> Commands:
    """Probe one host for all steps. One that can't be understood is unknown, and fails nobody."""
    run, here = Run.here()
    probe_host(run, here, PROBES)
    host.noop("probed")
    yield from ()
