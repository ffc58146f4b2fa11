"""The read-only view: for each host the one cause why it can't pull, and the command that fixes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pyinfra import host
from pyinfra.api import Host, operation

from anchorline import trust
from anchorline.authority.operations import on_disk
from anchorline.errors import AnchorlineError
from anchorline.fleet import Commands, Probe, Question, Run, RunError, failing
from anchorline.fleet.operations import probe_host
from anchorline.registry.desired import Instance
from anchorline.registry.probe import container
from anchorline.trust.plan import difference
from anchorline.trust.probe import trust_of, wanted
from anchorline.verify.access import guarded
from anchorline.verify.diagnosis import Case, Diagnosis, ObservedClient, diagnose, read
from anchorline.verify.scripts import DoctorProbe

STEP = "doctor"
WELL = "name, way, clock, certificate and stores are well"


def _ask(run: Run, here: Host) -> Question:
    registry = run.spec.registry if run.spec.registry and run.spec.registry.mode == "remote" else None
    host = registry.address.host if registry else ""
    name = str(host)
    serves = _served_by(run, here)
    return Question(
        DoctorProbe(
            guarded=tuple(guarded(run.spec.site)),
            container=serves.name if serves else "",
            folder=serves.folder if serves else "",
            data=serves.data if serves else "",
            name=name,
            host=f"[{name}]" if ":" in name else name,
            port=str(registry.port) if registry else "",
        ).text
    )


def _served_by(run: Run, here: Host) -> Instance | None:
    """The registry's container, where it is this host's."""
    served = container(run)
    return served if served and here.name == run.registry_host.name else None


def _read(run: Run, lines: Sequence[str]) -> ObservedClient:  # noqa: ARG001
    return read(lines)


PROBE = Probe("doctor", _ask, _read, lambda _: ())


def require_ca(run: Run) -> None:
    """Raise RunError where there is no CA to hold a host against."""
    if on_disk(run).is_new_ca:
        raise RunError(f"{run.spec.pki} has no CA, so there is nothing to hold a host against: deploy first")


@operation()
def examine() -> Commands:
    """Look at one host and name what is wrong there first. Changes nothing; a host that isn't well fails."""
    here = host.state.inventory.get_host(host.name)
    run = Run.of(here)
    probes = (trust.PROBE, PROBE)
    run.begin_with(here)
    run.probes.update({room.name: room for room in probes})
    cause = probe_host(run, here, {room.name: question for room in probes if (question := room.ask(run, here))})
    if not cause:
        found = diagnosis_of(run, here)
        if found is None:
            run.verified[here.name] = WELL
            host.noop("well")
            return
        cause = str(found)
        run.fail(here, STEP, cause)
    yield failing(cause)


def diagnosis_of(run: Run, here: Host) -> Diagnosis | None:
    """What is wrong first with a host that was looked at."""
    spec, known = run.spec, on_disk(run)
    registry = spec.registry if spec.registry and spec.registry.mode == "remote" else None
    trusted = trust_of(run, here)
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
            seen=run.observations[here.name]["doctor"],
            trust=trusted,
            change=difference(trusted, wanted(run)),
            now=datetime.now(UTC),
            ca=known.ca,
            stores=wanted(run).stores,
            endpoint=replace(registry.address, port=registry.port) if registry else None,
            entry=str(registry.hosts_entry or "") if registry and isinstance(registry.address.host, str) else "",
            leaf=leaf,
            container=_served_by(run, here),
            spec=str(run.file),
            inventory=run.inventory,
        )
    )
