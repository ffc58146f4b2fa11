"""``fleet.look``: the first call of a deployment."""

from __future__ import annotations

from typing import Protocol

from pyinfra import host

from anchorline.fleet.operations import look as look_at
from anchorline.fleet.probe import Room
from anchorline.fleet.run import Run


class Step(Protocol):
    """A room's package, such as ``anchorline.trust``."""

    ROOM: Room


def look(*steps: Step) -> None:
    """Look at the host for the steps to come, in one exec, before anything is changed anywhere."""
    begin(*(step.ROOM for step in steps))


def begin(*rooms: Room) -> Run:
    """The run, for a step about to be declared. Its host is looked at already, or is now, with these rooms' probes."""
    here = host.state.inventory.get_host(host.name)
    run = Run.of(here)
    if here.name not in run.looked:
        run.looked.add(here.name)
        run.rooms.update({room.name: room for room in rooms})
        look_at(name="Look at the host", rooms=rooms)
    return run
