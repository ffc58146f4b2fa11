"""Verify's part in the probe: the stamp of the last trip that a client passed."""

from __future__ import annotations

from collections.abc import Sequence

from anchorline.fleet.fleet import Fleet, Host
from anchorline.fleet.probe import Probe, Question
from anchorline.fleet.scripts import state_folder
from anchorline.verify.scripts import StampProbe


def stamp_of(fleet: Fleet, host: Host) -> str:
    """The stamp that the probe saw on a host, or nothing."""
    return fleet.seen(PROBE, host) if fleet.has_seen(PROBE, host) else ""


def _ask(fleet: Fleet, host: Host) -> Question | None:  # noqa: ARG001 (every host is asked the same)
    if fleet.spec.registry is None:
        return None
    return Question(StampProbe(state=state_folder(fleet.spec.site)).text)


def _read(fleet: Fleet, lines: Sequence[str]) -> str:  # noqa: ARG001
    return lines[0].strip() if lines else ""


PROBE = Probe("verify", _ask, _read)
