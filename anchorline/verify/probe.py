"""Verify's part in the look: the stamp of the last trip that a client passed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyinfra.api import Host

from anchorline.fleet.probe import Probe, Question
from anchorline.fleet.run import Run
from anchorline.fleet.scripts import state_folder
from anchorline.verify.scripts import StampProbe


def stamp_of(run: Run, host: Host) -> str:
    """The stamp that the look saw on a host, or nothing."""
    stamp: str = run.observations[host.name].get("verify", "")
    return stamp


def _ask(run: Run, host: Host) -> Question | None:  # noqa: ARG001 (every host is asked the same)
    if run.spec.registry is None:
        return None
    return Question(StampProbe(state=state_folder(run.spec.site)).text)


def _read(run: Run, lines: Sequence[str]) -> str:  # noqa: ARG001
    return lines[0].strip() if lines else ""


def _preflight(run: Run) -> Iterable[str]:  # noqa: ARG001 (a verification hurts nobody)
    return ()


PROBE = Probe("verify", _ask, _read, _preflight)
