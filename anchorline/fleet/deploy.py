"""``fleet.gather``: the first call of a deployment."""

from __future__ import annotations

from typing import Protocol

from pyinfra import host

from anchorline.fleet.operations import gather as gather_facts
from anchorline.fleet.probe import Probe
from anchorline.fleet.run import Run


class Step(Protocol):
    """A room's package, such as ``anchorline.trust``."""

    PROBE: Probe


def gather(*steps: Step) -> None:
    """Probe the host for the steps to come, in one exec, before anything is changed anywhere."""
    begin(*(step.PROBE for step in steps))


def begin(*probes: Probe) -> Run:
    """The run, for a step about to be declared. Its host is looked at already, or is now, with these rooms' probes."""
    here = host.state.inventory.get_host(host.name)
    run = Run.of(here)
    if here.name not in run.gathered:
        run.gathered.add(here.name)
        run.probes.update({room.name: room for room in probes})
        gather_facts(name="Probe the host", probes=probes)
    return run
