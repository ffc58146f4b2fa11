"""The registry's part in the probe: its probe, and what it would take over in silence if it didn't ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256

from anchorline.authority.operations import serving, staged
from anchorline.commands import without
from anchorline.errors import AnchorlineError
from anchorline.fleet.contain import contained
from anchorline.fleet.fleet import Fleet, Host, once
from anchorline.fleet.probe import Probe, Question
from anchorline.problem import Problem
from anchorline.registry import distribution
from anchorline.registry.desired import KEY, VOUCHING, Instance, Presented
from anchorline.registry.observed import FileState, ObservedRegistry, read
from anchorline.registry.plan import InstancePlan, conflicts, plan
from anchorline.registry.scripts import InstanceProbe


@once
def container(fleet: Fleet) -> Instance | None:
    """The registry that the spec wants, where it wants one."""
    return distribution.service(fleet.spec).registry


def observed_registry(fleet: Fleet, host: Host) -> ObservedRegistry:
    """What the probe saw of the registry on its host. Raises KeyError where it wasn't looked at."""
    return fleet.seen(PROBE, host)


def presented(fleet: Fleet, wanted: Instance) -> Presented:
    """The certificate that an instance should serve, without reading its key.

    Raises AuthorityError where it was never issued.
    """
    if not wanted.certificate:
        return Presented()
    authority = serving(fleet)
    certificate, vouching = authority.certificate(wanted.certificate), authority.vouching(wanted.certificate)
    return Presented(
        certificate.fingerprint, *(sha256(pem.encode()).hexdigest() for pem in (certificate.pem, vouching))
    )


def plan_of(fleet: Fleet, wanted: Instance, has: ObservedRegistry) -> InstancePlan:
    """What has to be done on an instance's host. Raises AuthorityError where its certificate was never issued."""
    if problems := tuple(conflicts(has, wanted)):
        return InstancePlan(problems=problems)
    return contained(
        lambda: plan(has, wanted, presented(fleet, wanted)), lambda problem: InstancePlan(problems=(problem,))
    )


def _key_refused(fleet: Fleet, wanted: Instance, due: InstancePlan) -> Iterable[Problem]:
    """A key that the registry will need and that can't be read is found before anything is changed."""
    if KEY in due.files:
        try:
            staged(fleet).pair(wanted.certificate)
        except AnchorlineError as error:
            yield from error.problems


def _unknown_refused(fleet: Fleet, has: ObservedRegistry, host: Host) -> Iterable[Problem]:
    """A certificate of our CA that this ``pki/`` has never heard of was issued from another one, after it."""
    vouching = has.files.get(VOUCHING.name)
    ours = not has.external and (vouching is None or vouching.state not in (FileState.CHANGED, FileState.MISSING))
    if has.served and ours and has.served not in staged(fleet).known:
        yield Problem(
            f"{host.name} serves a certificate ({has.served[:12]}) that {fleet.spec.pki} doesn't know, though our CA "
            f"issued it: another checkout has renewed it",
            "bring its pki/ here, and run again",
        )


def _ask(fleet: Fleet, host: Host) -> Question | None:
    wanted = container(fleet)
    if wanted is None or not fleet.runs_registry(host):
        return None
    return Question(InstanceProbe.about(wanted).text)


def _read(fleet: Fleet, lines: Sequence[str]) -> ObservedRegistry:
    wanted = container(fleet)
    assert wanted is not None  # noqa: S101 (nobody was asked else)
    return read(lines, wanted)


def _preflight(fleet: Fleet) -> Iterable[Problem]:
    wanted = container(fleet)
    if wanted is None:
        return
    for host in fleet.registry_hosts:
        problems = [*_refused(fleet, wanted, host)]
        yield from problems
        # a new CA waits for the one host that would remember another
        if problems and not staged(fleet).is_new_ca and fleet.observations.keys() - {host.name}:
            yield Problem(f"the others can go on without {host.name}: {without([host.name])}")


def _refused(fleet: Fleet, wanted: Instance, host: Host) -> Iterable[Problem]:
    """What a host of the registry says against the plan."""
    if fleet.reached(host):
        has = observed_registry(fleet, host)
        due = plan_of(fleet, wanted, has)
        yield from (each.about(host.name) for each in due.problems)
        yield from _key_refused(fleet, wanted, due)
        yield from _unknown_refused(fleet, has, host)
    elif host.in_limit:
        yield _silent(fleet, host)


def _silent(fleet: Fleet, host: Host) -> Problem:
    failure = fleet.failures.get(host.name)
    why = failure.problem if failure else Problem("it can't be reached")
    cause = f"the registry's host {host.name} doesn't answer ({why.cause}), and without it nothing can be verified"
    return replace(why, cause=cause) if why.fix else Problem(cause, "bring it up")


PROBE = Probe("registry", _ask, _read, _preflight)
