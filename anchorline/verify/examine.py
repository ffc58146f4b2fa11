"""The read-only view: for each host the one cause why it can't pull, and the command that fixes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pyinfra import host

from anchorline import trust
from anchorline.authority.operations import staged
from anchorline.errors import AnchorlineError
from anchorline.fleet import Commands, Fleet, Host, Probe, Question, Run, Step, failing, operation
from anchorline.fleet.operations import probe_host
from anchorline.problem import Problem
from anchorline.registry.desired import Instance
from anchorline.registry.probe import container
from anchorline.trust.probe import plan_of, trust_of, wanted
from anchorline.verify.access import guarded
from anchorline.verify.diagnosis import Case, diagnose
from anchorline.verify.observed import ObservedClient, read
from anchorline.verify.scripts import DoctorProbe

WELL = "name, way, clock, certificate and stores are well"


def _ask(fleet: Fleet, here: Host) -> Question:
    registry = fleet.spec.tls_registry
    serves = _served_by(fleet, here)
    return Question(
        DoctorProbe(
            guarded=tuple(guarded(fleet.spec.site)),
            container=serves.name if serves else "",
            folder=serves.folder if serves else "",
            data=serves.writable if serves else "",
            name=str(registry.address.host) if registry else "",
            host=str(registry.address.bare) if registry else "",
            port=str(registry.port) if registry else "",
        ).text
    )


def _served_by(fleet: Fleet, here: Host) -> Instance | None:
    """The registry's container, where it is this host's."""
    served = container(fleet)
    return served if served and fleet.runs_registry(here) else None


def _read(fleet: Fleet, lines: Sequence[str]) -> ObservedClient:  # noqa: ARG001
    return read(lines)


PROBE = Probe("doctor", _ask, _read)


def require_ca(fleet: Fleet) -> None:
    """Raise AnchorlineError where there is no CA to hold a host against."""
    if staged(fleet).is_new_ca:
        raise AnchorlineError(f"{fleet.spec.pki} has no CA, so there is nothing to hold a host against: deploy first")


@operation
def examine() -> Commands:
    """Look at one host and name what is wrong there first. Changes nothing; a host that isn't well fails."""
    run, here = Run.here()
    fleet = run.fleet
    problem = probe_host(run, here, (trust.PROBE, PROBE))
    if problem is None:
        problem = diagnosis_of(fleet, here)
        if problem is None:
            fleet.verified[here.name] = WELL
            host.noop("well")
            return
        fleet.fail(here, Step.DOCTOR, problem)
    yield failing(problem)


def diagnosis_of(fleet: Fleet, here: Host) -> Problem | None:
    """What is wrong first with a host that was looked at."""
    spec, known = fleet.spec, staged(fleet)
    registry = spec.tls_registry
    trusted = trust_of(fleet, here)
    leaf = ""
    if registry and registry.certificate:
        try:
            leaf = known.certificate(registry.certificate).fingerprint
        except AnchorlineError:
            leaf = ""  # it was never issued here, so nothing is known of it
    return diagnose(
        Case(
            host=here.name,
            site=spec.site,
            seen=fleet.seen(PROBE, here),
            trust=trusted,
            change=plan_of(fleet, here),
            now=datetime.now(UTC),
            ca=known.ca,
            stores=wanted(fleet).stores,
            endpoint=registry.endpoint if registry else None,
            entry=str(registry.hosts_entry or "") if registry and isinstance(registry.address.host, str) else "",
            leaf=leaf,
            container=_served_by(fleet, here),
            spec=str(fleet.file),
            inventory=fleet.inventory,
        )
    )
