"""The registry's part in the look: its probe, and what it would take over in silence if it didn't ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256

from anchorline.authority.operations import serving, staged
from anchorline.errors import AnchorlineError
from anchorline.fleet.fleet import Fleet, Host, once
from anchorline.fleet.probe import Probe, Question
from anchorline.fleet.scripts import script, state_folder
from anchorline.problem import Problem
from anchorline.registry.desired import Container
from anchorline.registry.observed import ObservedRegistry, read
from anchorline.registry.plan import action, conflicts
from anchorline.spec.values import Endpoint


@once
def container(fleet: Fleet) -> Container | None:
    """The container that the spec wants, where it wants one."""
    return Container.of(fleet.spec)


def observed_registry(fleet: Fleet, host: Host) -> ObservedRegistry:
    """What the look saw of the registry on its host. Raises KeyError where it wasn't looked at."""
    return fleet.seen(PROBE, host)


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


def digests(fleet: Fleet, wanted: Container) -> dict[str, str]:
    """What tells the certificate that the registry should serve: ``leaf``, its fingerprint, and ``chain``, a digest of
    it with its intermediates. Both are empty where it serves plain HTTP."""
    name = wanted.registry.certificate
    if not (name and wanted.tls):
        return {"chain": "", "leaf": ""}
    certificate = serving(fleet).certificate(name)
    return {"chain": sha256(certificate.pem.encode()).hexdigest(), "leaf": certificate.fingerprint}


def what_is_due(fleet: Fleet, wanted: Container, has: ObservedRegistry) -> tuple[str, str]:
    """What has to be done on the registry's host, and why."""
    return action(has, wanted, **digests(fleet, wanted))


def _key_refused(fleet: Fleet, wanted: Container, host: Host) -> Iterable[Problem]:
    """A key that the registry will need and that can't be read is found before anything is changed."""
    name = wanted.registry.certificate
    if name and wanted.tls and any(what_is_due(fleet, wanted, observed_registry(fleet, host))):
        try:
            staged(fleet).pair(name)
        except AnchorlineError as error:
            yield from error.problems


def _unknown_refused(fleet: Fleet, has: ObservedRegistry, host: Host) -> Iterable[Problem]:
    """A certificate of our CA that this ``pki/`` has never heard of was issued from another one, after it."""
    if has.served and not has.external and has.served not in staged(fleet).known:
        yield Problem(
            f"{host.name} serves a certificate ({has.served[:12]}) that {fleet.spec.pki} doesn't know, though our CA "
            "issued it: another checkout has renewed it",
            "bring its pki/ here, and run again",
        )


def _ask(fleet: Fleet, host: Host) -> Question | None:
    wanted = container(fleet)
    if wanted is None or not fleet.runs_registry(host):
        return None
    return Question(script("registry/shell/health.sh", "registry/shell/probe.sh", **variables(wanted)))


def _read(fleet: Fleet, lines: Sequence[str]) -> ObservedRegistry:
    wanted = container(fleet)
    return read(lines, wanted.registry.name if wanted else "")


def _preflight(fleet: Fleet) -> Iterable[Problem]:
    wanted = container(fleet)
    if wanted is None:
        return
    for host in fleet.registry_hosts:
        if fleet.reached(host):
            yield from (each.about(host.name) for each in conflicts(observed_registry(fleet, host), wanted))
            yield from _key_refused(fleet, wanted, host)
            yield from _unknown_refused(fleet, observed_registry(fleet, host), host)
        elif host.in_limit:
            yield _silent(fleet, host)


def _silent(fleet: Fleet, host: Host) -> Problem:
    failure = fleet.failures.get(host.name)
    why = failure.problem if failure else Problem("it can't be reached")
    cause = f"the registry's host {host.name} doesn't answer ({why.cause}), and without it nothing can be verified"
    return replace(why, cause=cause) if why.fix else Problem(cause, "bring it up")


PROBE = Probe("registry", _ask, _read, _preflight)
