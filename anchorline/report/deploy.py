"""``report.status``: a look at the whole fleet that changes nothing. ``anchorline status`` is this step."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy, operation

from anchorline import registry, trust, verify
from anchorline.authority.operations import as_it_is
from anchorline.fleet import Commands, Run
from anchorline.fleet.operations import probe_host
from anchorline.report.probe import PROBE
from anchorline.verify import examine

PROBES = (trust.PROBE, registry.PROBE, verify.PROBE, examine.PROBE, PROBE)


@deploy("Status")
def status() -> None:
    """Probe the host, in one exec: what it trusts, what it is served, what it runs. Needs no key."""
    as_it_is(Run.of(host.state.inventory.get_host(host.name)))
    gather(name="Probe the host")


@operation()
def gather() -> Commands:
    """Look at one host with the probes of all rooms. One that can't be understood is unknown, and fails nobody."""
    here = host.state.inventory.get_host(host.name)
    run = Run.of(here)
    run.begin_with(here)
    run.probes.update({room.name: room for room in PROBES})
    probe_host(run, here, {room.name: question for room in PROBES if (question := room.ask(run, here))})
    host.noop("probed")
    yield from ()
