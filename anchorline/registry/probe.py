"""The registry's part in the look: its probe, and what it would take over in silence if it didn't ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from pyinfra.api import Host

from anchorline.authority.operations import serving, staged
from anchorline.errors import AnchorlineError
from anchorline.fleet.probe import Probe, Question
from anchorline.fleet.run import Run
from anchorline.problem import Problem
from anchorline.registry import distribution
from anchorline.registry.desired import KEY, VOUCHING, Instance, Presented
from anchorline.registry.observed import FileState, ObservedRegistry, read
from anchorline.registry.plan import InstancePlan, conflicts, plan
from anchorline.registry.scripts import InstanceProbe


def container(run: Run) -> Instance | None:
    """The registry that the spec wants, where it wants one."""
    return run.once("the service", lambda: distribution.service(run.spec)).registry


def observed_registry(run: Run, host: Host) -> ObservedRegistry:
    """What the look saw of the registry on its host. Raises KeyError where it wasn't looked at."""
    seen: ObservedRegistry = run.observations[host.name]["registry"]
    return seen


def presented(run: Run, wanted: Instance) -> Presented:
    """The certificate that an instance should serve, without a look at its key.

    Raises AuthorityError where it was never issued.
    """
    if not wanted.certificate:
        return Presented()
    authority = serving(run)
    certificate, vouching = authority.certificate(wanted.certificate), authority.vouching(wanted.certificate)
    return Presented(
        certificate.fingerprint, *(sha256(pem.encode()).hexdigest() for pem in (certificate.pem, vouching))
    )


def plan_of(run: Run, wanted: Instance, has: ObservedRegistry) -> InstancePlan:
    """What has to be done on an instance's host. Raises AuthorityError where its certificate was never issued."""
    if problems := tuple(conflicts(has, wanted)):
        return InstancePlan(problems=problems)
    return plan(has, wanted, presented(run, wanted))


def _key_refused(run: Run, wanted: Instance, host: Host) -> Iterable[Problem]:
    """A key that the registry will need and that can't be read is found before anything is changed."""
    if KEY in plan_of(run, wanted, observed_registry(run, host)).files:
        try:
            staged(run).pair(wanted.certificate)
        except AnchorlineError as error:
            yield Problem(str(error))


def _unknown_refused(run: Run, has: ObservedRegistry, host: Host) -> Iterable[Problem]:
    """A certificate of our CA that this ``pki/`` has never heard of was issued from another one, after it."""
    vouching = has.files.get(VOUCHING.name)
    ours = not has.external and (vouching is None or vouching.state not in (FileState.CHANGED, FileState.MISSING))
    if has.served and ours and has.served not in staged(run).known:
        yield Problem(
            f"{host.name} serves a certificate ({has.served[:12]}) that {run.spec.pki} doesn't know, though our CA "
            f"issued it: another checkout has renewed it",
            "bring its pki/ here, and run again",
        )


def _ask(run: Run, host: Host) -> Question | None:
    wanted = container(run)
    if wanted is None or host.name != run.registry_host.name:
        return None
    return Question(InstanceProbe.about(wanted).text)


def _read(run: Run, lines: Sequence[str]) -> ObservedRegistry:
    wanted = container(run)
    assert wanted is not None  # noqa: S101 (nobody was asked else)
    return read(lines, wanted)


def _problems(run: Run) -> Iterable[Problem]:
    wanted = container(run)
    if wanted is None:
        return
    host = run.registry_host
    if run.reached(host):
        has = observed_registry(run, host)
        for each in conflicts(has, wanted):
            yield Problem(f"{host.name}: {each.cause}", each.fix)
        yield from _key_refused(run, wanted, host)
        yield from _unknown_refused(run, has, host)
    elif run.state.is_host_in_limit(host):
        failure = run.failures.get(host.name)
        cause = failure.cause if failure else "it can't be reached"
        yield Problem(f"the registry's host {host.name} doesn't answer ({cause}): without it nothing can be verified")


def _preflight(run: Run) -> Iterable[str]:
    return map(str, _problems(run))


PROBE = Probe("registry", _ask, _read, _preflight)
