"""One host of a report: what the probe saw of it, what isn't as declared, and the next step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from cryptography import x509

from anchorline.authority.anchors import issued
from anchorline.authority.certificates import fingerprint, name_of
from anchorline.authority.operations import staged
from anchorline.authority.plan import TO_ISSUE
from anchorline.characters import quoted, some
from anchorline.commands import INVENTORY, host_keys_of
from anchorline.errors import AnchorlineError
from anchorline.fleet import Fleet, Host, clock, machines
from anchorline.problem import Health, Problem, Where
from anchorline.registry.probe import container, observed_registry, plan_of
from anchorline.report.model import Condition, HostReport, Life
from anchorline.report.probe import ENOUGH, PROBE
from anchorline.trust.generations import generations as generations_of
from anchorline.trust.probe import plan_of as trust_plan_of
from anchorline.trust.probe import trust_of, trusting, unknown_cas, wanted
from anchorline.trust.processes.stale import FIRST, Process, exempt
from anchorline.verify import examine
from anchorline.verify.examine import diagnosis_of
from anchorline.verify.operations import is_due

DEPLOY, BY_HAND = "deploy.py", "exec -- id"
_HOST_KEYS = {"StrictPolicy: No host key for ": True, "SSH host key error": False}
"""pyinfra's words for a host whose key isn't known, and for one whose key has changed; and whether the command for it
writes. A changed one is to be looked at."""
AGAIN = "see that it is up and takes this login, then look again"


@dataclass(frozen=True)
class View:
    """A run as its hosts' reports see it: what is worked out once for all of them. ``names`` says what each of the
    site's CAs is called, by its SHA-256: ``present``, ``next`` or ``previous``."""

    fleet: Fleet
    now: datetime
    names: Mapping[str, tuple[str, x509.Certificate]]

    @classmethod
    def of(cls, fleet: Fleet, now: datetime) -> View:
        """The view of a run at its end."""
        return cls(fleet, now, generations(fleet))

    @cached_property
    def unknown_cas(self) -> Mapping[str, tuple[str, ...]]:
        """By host, the CAs of the site that it knows and ``pki/`` doesn't."""
        return unknown_cas(self.fleet)

    @cached_property
    def duplicates(self) -> Mapping[str, tuple[str, ...]]:
        """By host, all names of its machine, where it has several."""
        return {name: names for names in machines.duplicates(self.fleet.machines) for name in names}


_CONDITIONS = {
    Health.BAD: Condition.DIFFERS,
    Health.UNKNOWN: Condition.UNKNOWN,
    Health.WARNING: Condition.ATTENTION,
}


def unreachable(host: Host, cause: str, inventory: str = INVENTORY) -> HostReport:
    """A host that couldn't be connected to, or whose key isn't the known one."""
    finding = Problem(cause, AGAIN, health=Health.UNKNOWN)
    for words, write in _HOST_KEYS.items():
        if words in cause:
            fix = host_keys_of(host.name, inventory, write=write)
            finding = replace(finding, fix=fix, where=Where.HERE)
    return HostReport(host.name, Condition.UNREACHABLE, groups_of(host), (finding,))


def seen(view: View, here: Host) -> HostReport:
    """A host as the probe found it."""
    fleet = view.fleet
    if here.name not in fleet.observations:
        failure = fleet.failures.get(here.name)
        problem = failure.problem if failure else Problem("it wasn't looked at")
        if not problem.fix:
            problem = replace(problem, fix=fleet.command(BY_HAND, here.name), where=Where.HERE)
        finding = replace(problem, health=Health.UNKNOWN)
        return HostReport(here.name, Condition.UNKNOWN, groups_of(here), (finding,))
    findings = tuple(_findings(view, here))
    healths = {finding.health for finding in findings}
    condition = next((word for health, word in _CONDITIONS.items() if health in healths), Condition.AS_DECLARED)
    served = fleet.seen(examine.PROBE, here) if fleet.has_seen(examine.PROBE, here) else None
    return HostReport(
        here.name,
        condition,
        findings=findings,
        served=life_of("served", served.served[0], view) if served and served.served else None,
        **facts(view, here),
    )


def facts(view: View, here: Host) -> dict[str, Any]:
    """What any probe saw of a host, by the fields of a report's host."""
    fleet, has = view.fleet, trust_of(view.fleet, here)
    stores = generations_of(has, wanted(fleet), {sha: word for sha, (word, _) in view.names.items()})
    if here.name in trusting(fleet):  # by this run, which asked the stores afterwards
        own = {view.names[sha][0] for sha in wanted(fleet).own}
        stores = {store: tuple(sorted({*before, *own})) for store, before in stores.items()}
    return {
        "groups": groups_of(here),
        "system": " ".join(has.os_ids[:1]),
        "runtimes": has.runtimes,
        "stores": stores,
        "clock": fleet.clocks.get(here.name),
        "stale": tuple(dict.fromkeys(each.unit for each in has.stale)),
        "drift": trust_plan_of(fleet, here).what,
    }


def groups_of(host: Host) -> tuple[str, ...]:
    """The inventory's groups of a host, without the ones that pyinfra adds."""
    return tuple(each for each in host.groups if each not in ("all", "hosts", "inventory"))


def generations(fleet: Fleet) -> dict[str, tuple[str, x509.Certificate]]:
    """What each of the site's CAs is called, by its SHA-256: ``present``, ``next`` or ``previous``."""
    ours = staged(fleet)
    words = {fingerprint(each): ("previous", each) for each in ours.own}
    for word, each in (("next", ours.next), ("present", ours.ca)):
        if each is not None:
            words[fingerprint(each)] = (word, each)
    return words


def life_of(name: str, certificate: x509.Certificate, view: View) -> Life:
    """A certificate as a report tells it."""
    sans = [each.value for each in certificate.extensions if isinstance(each.value, x509.SubjectAlternativeName)]
    own = fingerprint(certificate)
    above = next((word for word, ca in view.names.values() if issued(certificate, ca)), "")
    return Life(
        name=name,
        subject=name_of(certificate),
        names=tuple(str(each.value) for san in sans for each in san),
        begins=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
        days=(certificate.not_valid_after_utc - view.now).days,
        sha256=own,
        generation=view.names[own][0] if own in view.names else above,
    )


def _findings(view: View, here: Host) -> Iterator[Problem]:
    fleet = view.fleet
    # the doctor may come upon the same as the registry's plan
    said = dict.fromkeys([*_registry(fleet, here), *_trust(fleet, here)])
    yield from said
    if not said and container(fleet) and not has_verified(fleet, here.name):
        step = fleet.command("anchorline.verify.clients", here.name)
        yield Problem(
            "it hasn't verified what is served now: its last verification failed, or is of before", step, Where.HERE
        )
    if digests := view.unknown_cas.get(here.name):
        cas = f"CA{'s' * (len(digests) > 1)} {some(digests)}"
        fix = "bring back the pki/ that made it, or run from the checkout that has it; where it isn't so, leave it out"
        yield Problem(f"it knows the {cas} as the site's, and pki/{fleet.spec.site} doesn't", fix)
    if names := view.duplicates.get(here.name):
        yield machines.problem(names)
    space = fleet.seen(PROBE, here).left if fleet.has_seen(PROBE, here) else {}
    for place, left in space.items():
        if left < ENOUGH:
            yield Problem(
                f"the disk of {place} has {left} KiB left", f"du -xh {quoted(place)} | sort -h", Where.ON_THE_HOST
            )
    if off := clock.problem(fleet.clocks.get(here.name, 0)):
        yield off
    yield from _stale(fleet, here)


def has_verified(fleet: Fleet, name: str) -> bool:
    """Whether a host keeps the stamp of the round trip that is wanted now, where it has to make one at all."""
    registry, here = container(fleet), fleet.hosts[name]
    try:
        return registry is not None and not is_due(fleet, registry, here)
    except AnchorlineError:
        return False  # nothing was issued yet, so nothing is served


def _trust(fleet: Fleet, here: Host) -> Iterator[Problem]:
    """The one cause that the doctor names, or else what a rollout would change."""
    if staged(fleet).ca is None and fleet.spec.authority is not None:
        return  # there is nothing to hold a host against: that is the site's own finding
    if found := diagnosis_of(fleet, here):
        yield found
    elif drift := trust_plan_of(fleet, here).what:
        roll_out = fleet.command("anchorline.trust.rollout", here.name)
        yield Problem(f"it lacks something of: {', '.join(drift)}", roll_out, Where.HERE)


def _registry(fleet: Fleet, here: Host) -> Iterator[Problem]:
    """What keeps the registry from its host, or what a deploy would do to it."""
    registry = container(fleet)
    if registry is None or not fleet.runs_registry(here):
        return
    try:
        due = plan_of(fleet, registry, observed_registry(fleet, here))
    except AnchorlineError:
        return  # no certificate yet: that is the site's own finding
    if due.problems:
        yield from due.problems
        return
    if due:
        yield Problem(due.finding, fleet.command("anchorline.registry.serve", here.name), Where.HERE)
    for status in staged(fleet).statuses:
        if status.name == registry.certificate and status.state in TO_ISSUE and status.certificate:
            cause = f"the certificate that it serves is {status.state}: {status.reason}"
            yield Problem(cause, fleet.command(DEPLOY), Where.HERE)


def _stale(fleet: Fleet, here: Host) -> Iterator[Problem]:
    """Processes that hold the roots of before, unless they read a store that is kept at every pull."""
    has, wants = trust_of(fleet, here), wanted(fleet)
    kept = exempt(wants.stores, has.tools) if wants.names else set()
    told: dict[str, Process] = {}
    for each in has.stale:
        if each.place != "host" or FIRST.get(each.name) not in kept:
            told.setdefault(each.unit if each.place == "host" else each.container, each)
    for name, each in told.items():
        roots = "a root that was removed" if each.change == "remove" else "the old roots"
        if each.place == "host":
            place = Where.ON_THE_HOST if each.command else Where.NOWHERE
            yield Problem(f"{name} holds {roots}", each.command or "restart it", place, Health.WARNING)
        else:
            fix = "give it the CA in its image or by a volume"
            yield Problem(f"the container {name} has other roots than the host", fix, health=Health.WARNING)
