"""``fleet.gather``: the first call of a deployment."""

from __future__ import annotations

from typing import Any, Protocol

from anchorline.fleet.fleet import Fleet
from anchorline.fleet.operations import gather as gather_from
from anchorline.fleet.probe import Probe
from anchorline.fleet.run import Run


class Probed(Protocol):
    """A step's package, such as ``anchorline.trust``."""

    PROBE: Probe[Any]


def gather(*steps: Probed) -> None:
    """Probe the host for the steps to come, in one exec, before anything is changed anywhere."""
    begin(*(step.PROBE for step in steps))


def begin(*probes: Probe[Any]) -> Fleet:
    """The fleet, for a step about to be declared. Its host is probed already, or is now, with these probes."""
    run, here = Run.here()
    if here.name not in run.probed:
        run.probed.add(here.name)
        gather_from(name="Probe the host", probes=probes)
    return run.fleet
