"""The registry's part in the look: its probe, and what it would take over in silence if it didn't ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from pyinfra.api import Host

from anchorline.authority.operations import serving, staged
from anchorline.errors import AnchorlineError
from anchorline.fleet.probe import Probe, Question
from anchorline.fleet.run import Run
from anchorline.fleet.scripts import script, state_folder
from anchorline.problem import Problem, Where
from anchorline.registry.desired import Container
from anchorline.registry.observed import ObservedRegistry, read
from anchorline.registry.plan import action, conflicts
from anchorline.spec.values import Endpoint


def container(run: Run) -> Container | None:
    """The container that the spec wants, where it wants one."""
    return run.once("the container", lambda: Container.of(run.spec))


def observed_registry(run: Run, host: Host) -> ObservedRegistry:
    """What the look saw of the registry on its host. Raises KeyError where it wasn't looked at."""
    seen: ObservedRegistry = run.observations[host.name]["registry"]
    return seen


def variables(wanted: Container) -> dict[str, str]:
    """What every script of this room is told."""
    registry = wanted.registry
    return {
        "site": wanted.site,
        "state": state_folder(wanted.site),
        "name": registry.name,
        "image": registry.image,
        "data": registry.data,
        "listen": str(registry.listen.nearby),
        "port": str(registry.listen.port),
        "host": str(Endpoint(registry.address.host)),
        "tls": "yes" if wanted.tls else "",
    }


def digests(run: Run, wanted: Container) -> dict[str, str]:
    """What tells the certificate that the registry should serve: ``leaf``, its fingerprint, and ``chain``, a digest of
    it with its intermediates. Both are empty where it serves plain HTTP."""
    name = wanted.registry.certificate
    if not (name and wanted.tls):
        return {"chain": "", "leaf": ""}
    certificate = serving(run).certificate(name)
    return {"chain": sha256(certificate.pem.encode()).hexdigest(), "leaf": certificate.fingerprint}


def what_is_due(run: Run, wanted: Container, has: ObservedRegistry) -> tuple[str, str]:
    """What has to be done on the registry's host, and why."""
    return action(has, wanted, **digests(run, wanted))


def _key_refused(run: Run, wanted: Container, host: Host) -> Iterable[Problem]:
    """A key that the registry will need and that can't be read is found before anything is changed."""
    name = wanted.registry.certificate
    if name and wanted.tls and any(what_is_due(run, wanted, observed_registry(run, host))):
        try:
            staged(run).pair(name)
        except AnchorlineError as error:
            yield from error.problems


def _unknown_refused(run: Run, has: ObservedRegistry, host: Host) -> Iterable[Problem]:
    """A certificate of our CA that this ``pki/`` has never heard of was issued from another one, after it."""
    if has.served and not has.external and has.served not in staged(run).known:
        yield Problem(
            f"{host.name} serves a certificate ({has.served[:12]}) that {run.spec.pki} doesn't know, though our CA "
            "issued it: another checkout has renewed it",
            "bring its pki/ here, and run again",
        )


def _ask(run: Run, host: Host) -> Question | None:
    wanted = container(run)
    if wanted is None or host.name != run.registry_host.name:
        return None
    return Question(script("registry/shell/health.sh", "registry/shell/probe.sh", **variables(wanted)))


def _read(run: Run, lines: Sequence[str]) -> ObservedRegistry:
    wanted = container(run)
    return read(lines, wanted.registry.name if wanted else "")


def _preflight(run: Run) -> Iterable[Problem]:
    wanted = container(run)
    if wanted is None:
        return
    host = run.registry_host
    if run.reached(host):
        yield from (each.about(host.name) for each in conflicts(observed_registry(run, host), wanted))
        yield from _key_refused(run, wanted, host)
        yield from _unknown_refused(run, observed_registry(run, host), host)
    elif run.state.is_host_in_limit(host):
        failure = run.failures.get(host.name)
        cause = failure.problem.cause if failure else "it can't be reached"
        fix = failure.problem.fix if failure and failure.problem.fix else "bring it up"
        where = failure.problem.where if failure and failure.problem.fix else Where.NOWHERE
        yield Problem(
            f"the registry's host {host.name} doesn't answer ({cause}), and without it nothing can be verified",
            fix,
            where,
        )


PROBE = Probe("registry", _ask, _read, _preflight)
