"""A run at its end, as a report: of a status, of a deploy, or of a plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from anchorline import __version__
from anchorline.authority.operations import staged
from anchorline.authority.survey import survey
from anchorline.errors import AnchorlineError
from anchorline.fleet import Fleet, Host, Step
from anchorline.fleet.contain import contained
from anchorline.fleet.fleet import Failure
from anchorline.fleet.guard import Over
from anchorline.problem import Health, Problem, Where
from anchorline.report import site
from anchorline.report.hosts import BY_HAND, View, facts, groups_of, seen, unreachable
from anchorline.report.model import CertificateReport, Condition, HostReport, Kind, Report
from anchorline.trust.probe import PROBE as TRUST

DOCTOR = "anchorline.verify.doctor"
NEXT = {
    Step.PROBE: BY_HAND,
    Step.PYINFRA: BY_HAND,
    Step.TRUST: DOCTOR,
    Step.REGISTRY: DOCTOR,
    Step.VERIFY: DOCTOR,
}
"""What tells more of a host that failed at a step, where its own problem doesn't say what to do."""
_SILENT = Failure(Step.PYINFRA, Problem("its own output says why"))


def collect(over: Over, fleet: Fleet, kind: Kind) -> Report:
    """The report of a fleet. Reads ``pki/`` once more, for it may have been written to.

    Where that can't be read, or the run never came to it, a run's report has its hosts alone. Raises RunError for a
    spec that can't be used, and in a status for ``pki/`` as well.
    """
    now, spec = datetime.now(UTC), fleet.spec
    try:
        found, view = survey(spec, now), View.of(fleet, now)
    except AnchorlineError:
        if kind is Kind.STATUS:
            raise
        return _report(over, fleet, kind, now, tuple(_host(over, fleet, None, kind, each) for each in _asked(fleet)))
    hosts = tuple(_host(over, fleet, view, kind, each) for each in _asked(fleet))
    certificates = site.certificates(found, view)
    certificates = _planned(fleet, certificates) if kind is Kind.PLAN else certificates
    rotation, registry = site.rotation(found, fleet, view), site.registry(fleet, hosts, kind)
    findings = site.findings(fleet, found, rotation) if kind is Kind.STATUS else fleet.blocked_by
    steps = site.steps(fleet, certificates, hosts, registry, kind)
    return replace(
        _report(over, fleet, kind, now, hosts),
        certificates=certificates,
        registry=registry,
        rotation=rotation,
        findings=tuple(findings),
        steps=tuple(steps),
    )


def _asked(fleet: Fleet) -> Iterator[Host]:
    """The hosts that the run was for."""
    return (host for host in fleet.hosts.values() if host.in_limit)


def _report(over: Over, fleet: Fleet, kind: Kind, now: datetime, hosts: tuple[HostReport, ...]) -> Report:
    return Report(kind, fleet.spec.site, fleet.file.name, now, hosts, finished=over.finished, version=__version__)


def _host(over: Over, fleet: Fleet, view: View | None, kind: Kind, host: Host) -> HostReport:
    if not host.connected:
        return unreachable(host, over.unreachable.get(host.name, "not connected"), fleet.inventory)
    return contained(
        lambda: seen(view, host) if view and kind is Kind.STATUS else _came_to(over, fleet, view, host),
        lambda problem: HostReport(host.name, Condition.FAILED, groups_of(host), (problem,)),
    )


def _came_to(over: Over, fleet: Fleet, view: View | None, host: Host) -> HostReport:
    """What a host came to in a run that changes hosts, or would by a plan."""
    name = host.name
    failure, verification = fleet.failures.get(name), fleet.verified.get(name, "")
    changes = tuple(each.what for each in fleet.changes.get(name, ()))
    notes = tuple(fleet.notes.get(name, ()))
    known = facts(view, host) if view and fleet.has_seen(TRUST, host) else {"groups": groups_of(host)}
    findings: tuple[Problem, ...] = ()
    if failure or host.name in over.failed:
        failure = failure or _SILENT
        problem = failure.problem.about(failure.step)
        if not problem.fix and failure.step in NEXT:
            problem = replace(problem, fix=fleet.command(NEXT[failure.step], name), where=Where.HERE)
        findings = (problem,)
        condition = Condition.FAILED
    elif changes or verification:
        done = Condition.CHANGED if changes else Condition.VERIFIED
        condition = Condition.WOULD_CHANGE if over.planned else done
    else:
        condition = Condition.AS_DECLARED if over.finished else Condition.UNTOUCHED
    known |= {"drift": changes} if over.planned else {"changes": changes, "drift": ()}
    return HostReport(name, condition, findings=findings, notes=notes, verification=verification, **known)


def _planned(fleet: Fleet, certificates: tuple[CertificateReport, ...]) -> tuple[CertificateReport, ...]:
    """What a deploy would issue, and why, beside what is there."""
    changes = {change.name: change for change in staged(fleet).changes}
    there = {each.name for each in certificates}
    planned = [
        CertificateReport(
            each.name,
            str(changes[each.name].state) if each.name in changes else each.state,
            changes[each.name].reason if each.name in changes else each.reason,
            Health.WARNING if each.name in changes else each.health,
            each.name in changes,
            each.life,
        )
        for each in certificates
    ]
    planned += [
        CertificateReport(name, str(change.state), change.reason, Health.WARNING, True)
        for name, change in changes.items()
        if name not in there
    ]
    return tuple(planned)
