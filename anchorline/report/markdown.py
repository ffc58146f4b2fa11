"""The report in GitHub's Markdown, for a pipeline's summary and a merge request's comment.

It stays below the 65,536 characters that GitHub takes in a comment: each part has its room, whatever hosts there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC

from anchorline.problem import Health
from anchorline.report.cells import ROWS, code, names, prose, table
from anchorline.report.model import (
    WORST_FIRST,
    Cause,
    CertificateReport,
    Condition,
    HostReport,
    Kind,
    Report,
    StepReport,
)
from anchorline.report.words import facts, holdings, plural, remaining, seconds

LARGEST = 65_536
"""Characters that GitHub takes in a comment; GitLab takes more, and so does a job's summary."""
ROOM = {
    "steps": 4_000,
    "causes": 18_000,
    "changes": 12_000,
    "hosts": 12_000,
    "well": 4_000,
    "certificates": 8_000,
    "issued": 8_000,
}
"""Characters that each part may take, so that a long one leaves room for those after it."""
_CUT = "The rest doesn't fit; this report as JSON or as a page has it."

MARKS = {Health.GOOD: "✅", Health.WARNING: "⚠️", Health.BAD: "❌", Health.UNKNOWN: "❔"}
_WELL = {Health.GOOD, Health.WARNING}


def markdown(report: Report) -> str:
    """The report in Markdown: a plan says what would change, all others how it stands and what to do next."""
    about = f"{report.kind} of {code(report.spec)}, {report.time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    parts = [_head(report), about, *(_plan(report) if report.kind is Kind.PLAN else _standing(report))]
    kept, left = [], LARGEST - len(_CUT) - 2
    for part in filter(None, parts):
        left -= len(part) + 2
        if left < 0:
            kept.append(_CUT)
            break
        kept.append(part)
    return "\n\n".join(kept) + "\n"


def _head(report: Report) -> str:
    healths = {host.condition.health for host in report.hosts} | {finding.health for finding in report.findings}
    if not report.finished:
        healths.add(Health.UNKNOWN)
    worst = next((each for each in WORST_FIRST if each in healths), Health.GOOD)
    words = _planned(report) if report.kind is Kind.PLAN else _verdict(report)
    broken = "" if report.finished else "broken off: "
    return f"### {MARKS[worst]} {prose(report.site)}: {broken}{words}"


def _verdict(report: Report) -> str:
    every = len(report.hosts)
    done = [host for host in report.hosts if host.condition is not Condition.UNTOUCHED]
    well = sum(host.condition.health in _WELL for host in done)
    noted = sum(host.condition.health is Health.WARNING for host in done)
    bad = sum(finding.health not in _WELL for finding in report.findings)
    if not every:
        return "no host was looked at"
    whole = f"all {plural(every, 'host')}" if well == every > 1 else f"{well:,} of {plural(every, 'host')}"
    told = [f"{whole} {'is' if well == 1 else 'are'} {'as declared' if report.kind is Kind.STATUS else 'done'}"]
    told += [f"{noted:,} with a note"] if noted else []
    told += [f"{plural(bad, 'finding')} on the site"] if bad else []
    return ", ".join(told)


def _planned(report: Report) -> str:
    change = report.counts.get(Condition.WOULD_CHANGE, 0)
    issued = sum(each.issues for each in report.certificates)
    lost = sum(host.condition.health not in _WELL for host in report.hosts)
    told = [f"{change:,} of {plural(len(report.hosts), 'host')} would change"] if change else []
    told += [f"{plural(issued, 'certificate')} would be issued"] if issued else []
    told = told or ["nothing would change"]
    return ", ".join([*told, f"{plural(lost, 'host')} can't be planned for"] if lost else told)


def _standing(report: Report) -> Iterator[str]:
    """The parts of a status or a run."""
    yield _counts(report)
    yield table(("step", "", "how it stands"), report.steps, _step, ROOM["steps"])
    yield _rotation(report)
    yield _registry(report)
    yield from _titled("What to do next", _causes(report.causes))
    if report.kind is Kind.RUN:
        yield from _titled("What changed", _changes(report.hosts, "changed"))
    unwell = [host for host in report.hosts if host.condition.health is not Health.GOOD]
    columns = ("host", "", "what", "trusts", "served", "clock", "runs")
    yield from _titled("Hosts that aren't well", table(columns, unwell, _host, ROOM["hosts"]))
    yield _well(report.hosts)
    head = ("certificate", "", "state", "ends", "")
    yield from _titled("Certificates", table(head, _pressing(report.certificates), _certificate, ROOM["certificates"]))


def _plan(report: Report) -> Iterator[str]:
    """The parts of a plan: what would change, what would be issued, and what is in its way."""
    yield _counts(report)
    changes = _changes(report.hosts, "would change")
    issued = [each for each in report.certificates if each.issues]
    if not (changes or issued):
        gathered = sum(host.condition.health in _WELL for host in report.hosts)
        rest = "" if gathered == len(report.hosts) else ", as far as it could be looked at"
        yield f"Nothing would change: {plural(gathered, 'host')} as declared, and no certificate to issue{rest}."
    yield from _titled("What would change", changes)
    yield from _titled(
        "Certificates that would be issued", table(("certificate", "why"), issued, _issued, ROOM["issued"])
    )
    yield from _titled("What needs attention", _causes(report.causes))


def _titled(title: str, part: str) -> Iterator[str]:
    if part:
        yield f"#### {title}"
        yield part


def _counts(report: Report) -> str:
    counts = ", ".join(f"{number:,} {condition}" for condition, number in report.counts.items())
    return f"{plural(len(report.hosts), 'host')}: {counts}" if counts else ""


def _step(step: StepReport) -> Sequence[str]:
    return prose(step.name), MARKS[step.health], prose(step.words)


def _rotation(report: Report) -> str:
    if not (found := report.rotation):
        return ""
    missing = f"; missing: {names([*found.missing])}" if found.missing else ""
    return f"**Rotation** {prose(found.stage)}{', blocked' if found.blocked else ''}: {prose(found.message)}{missing}"


def _registry(report: Report) -> str:
    if not (found := report.registry):
        return ""
    told = ", ".join([prose(found.words), *facts(found, code)])
    return f"**Registry** {code(found.address)} on {code(found.host)}: {told}"


def _causes(causes: Sequence[Cause]) -> str:
    return table(("", "what", "hosts", "next step"), causes, _cause, ROOM["causes"])


def _cause(cause: Cause) -> Sequence[str]:
    finding, fix = cause.finding, cause.fix
    step = f"{finding.where}: {code(fix)}" if finding.where and fix else prose(fix)
    return MARKS[finding.health], prose(finding.cause), names(cause.hosts) or "the site", step


def _changes(hosts: Sequence[HostReport], head: str) -> str:
    """Hosts with the same change in one row, the most first."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for host in hosts:
        if host.condition in (Condition.WOULD_CHANGE, Condition.CHANGED) or host.changes:
            alike.setdefault(host.changes or host.drift or (host.verification,), []).append(host.name)
    rows = sorted(alike.items(), key=lambda each: -len(each[1]))
    return table(("hosts", "", head), rows, _change, ROOM["changes"])


def _change(row: tuple[tuple[str, ...], list[str]]) -> Sequence[str]:
    what, hosts = row
    return names(hosts), plural(len(hosts), "host"), prose("; ".join(what))


def _host(host: HostReport) -> Sequence[str]:
    what = (*(finding.cause for finding in host.findings), *host.notes)
    return (
        code(host.name),
        f"{MARKS[host.condition.health]} {host.condition}",
        prose("; ".join(what)),
        prose("; ".join(holdings(host.stores))),
        remaining(host.served.days) if host.served else "",
        "" if host.clock is None else seconds(host.clock),
        prose(", ".join(host.runtimes)),
    )


def _well(hosts: Sequence[HostReport]) -> str:
    """The hosts that are well: counted, and behind their number where they are few."""
    well = [host.name for host in hosts if host.condition.health is Health.GOOD]
    count = f"{plural(len(well), 'host')} {'is' if len(well) == 1 else 'are'} well"
    if not well or len(well) > ROWS:
        return count if well else ""
    shown = ", ".join(map(code, well))
    if len(shown) > ROOM["well"]:
        return count
    return f"<details><summary>{count}</summary>\n\n{shown}\n\n</details>"


def _pressing(certificates: Sequence[CertificateReport]) -> list[CertificateReport]:
    """Those that need something first, then those that end first."""
    return sorted(certificates, key=lambda each: (WORST_FIRST.index(each.health), each.life.days if each.life else 0))


def _certificate(certificate: CertificateReport) -> Sequence[str]:
    life = certificate.life
    state = ": ".join(filter(None, (certificate.state, certificate.reason)))
    ends, left = (f"{life.ends:%Y-%m-%d}", remaining(life.days)) if life else ("", "")
    return code(certificate.name), MARKS[certificate.health], prose(state), ends, left


def _issued(certificate: CertificateReport) -> Sequence[str]:
    return code(certificate.name), prose(": ".join(filter(None, (certificate.state, certificate.reason))))
