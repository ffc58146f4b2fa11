"""The report on a terminal, in a pipe and in a log."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from anchorline.characters import visible
from anchorline.problem import Health
from anchorline.report.model import Cause, CertificateReport, Condition, HostReport, Kind, Report
from anchorline.report.words import facts, holdings, plural, remaining, seconds

WIDE = 1000
"""Columns where there is no terminal: in a log a line is a line, and can be searched."""
NARROW = 72
"""With fewer columns a table of many has only the host and its state; what is wrong stands below anyway."""
MANY = 40
"""From this many hosts on, only those that have something to tell get a line."""
FEW = 8
"""As many hosts are named with a cause; the rest is counted."""
STYLES = {Health.GOOD: "green", Health.WARNING: "yellow", Health.BAD: "red", Health.UNKNOWN: "magenta"}
MARKS = {Health.GOOD: "✓", Health.WARNING: "!", Health.BAD: "✗", Health.UNKNOWN: "?"}
LATER = {Condition.AS_DECLARED: "cyan"}


def text(report: Report) -> str:
    """The report as plain lines, for a file or a pipe."""
    console = Console(file=io.StringIO(), width=WIDE, highlight=False, color_system=None)
    console.print(draw(report, WIDE))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def show(report: Report, console: Console) -> None:
    """Print the report. A console that is no terminal gets lines as long as they are."""
    console.print()
    if console.is_terminal:
        console.print(draw(report, console.width))
    else:
        console.print(text(report), end="", markup=False, soft_wrap=True)


def draw(report: Report, width: int) -> RenderableType:
    """The whole of it for so many columns."""
    status = report.kind is Kind.STATUS
    parts: list[list[RenderableType]] = [[_head(report), _steps(report)]] if status else []
    # of many who are all well none has a line, and a header alone tells nothing
    parts += [[_table(hosts, report.kind, width)]] if (hosts := _rows(report)) else []
    parts += [_issued(report.certificates)] if report.kind is Kind.PLAN else []
    # a run tells each host's own cause in its line; what is the same of many is said once more, with the next step
    causes = [each for each in report.causes if status or each.finding.health is not Health.WARNING]
    parts += [[Text("What to do", style="bold"), *map(_cause, causes)]] if causes else []
    parts += [[Text(tally(report))]]
    first, *others = (Group(*part) for part in parts if part)
    return Group(first, *(each for other in others for each in (Text(), other)))


def _head(report: Report) -> Text:
    about = f"  {visible(report.spec)}, {report.time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return Text.assemble((visible(report.site), "bold"), about)


def _steps(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for step in report.steps:
        about = facts(report.registry, str) if report.registry and step.name == "registry" else []
        table.add_row(
            step.name, Text(MARKS[step.health], STYLES[step.health]), visible("; ".join([step.words, *about]))
        )
    return table


def _issued(certificates: Sequence[CertificateReport]) -> list[RenderableType]:
    """What a plan would issue, and why."""
    issued = [
        Text(visible(f"{each.name}: {each.state}{f', {each.reason}' if each.reason else ''}"))
        for each in certificates
        if each.issues
    ]
    return [Text("Certificates that would be issued", style="bold"), *issued] if issued else []


Cell = Callable[[HostReport], str]
COLUMNS: dict[Kind, tuple[tuple[str, Cell], ...]] = {
    Kind.STATUS: (
        ("trusts", lambda host: "; ".join(holdings(host.stores))),
        ("served", lambda host: remaining(host.served.days) if host.served else ""),
        ("clock", lambda host: "" if host.clock is None else seconds(host.clock)),
        ("runs", lambda host: ", ".join(host.runtimes)),
    ),
    Kind.RUN: (("what", lambda host: what(host)), ("verification", lambda host: host.verification)),
    Kind.PLAN: (("what", lambda host: what(host)), ("verification", lambda host: host.verification)),
}
"""What the table tells of a host, by the kind of report, beside its name and state."""


def what(host: HostReport) -> str:
    """What happened on a host: its failure, what changed, what should be known."""
    done = "; ".join(host.changes or host.drift)
    return "; ".join(filter(None, (*(finding.cause for finding in host.findings), done, *host.notes)))


def _rows(report: Report) -> Sequence[HostReport]:
    """The hosts that get a line."""
    if len(report.hosts) < MANY:
        return report.hosts
    return folded([each for each in report.hosts if each.condition.health in _TOLD or each.notes], report.kind)


def _table(hosts: Sequence[HostReport], kind: Kind, width: int) -> Table:
    columns = COLUMNS[kind] if width >= NARROW or kind is not Kind.STATUS else ()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("host", "", *(title for title, _ in columns)):
        table.add_column(column, overflow="fold")
    for host in hosts:
        style = LATER.get(host.condition, STYLES[host.condition.health])
        cells = [Text(visible(cell(host))) for _, cell in columns]
        table.add_row(Text(visible(host.name)), Text(host.condition, style), *cells)
    return table


_TOLD = (Health.BAD, Health.UNKNOWN)


def folded(hosts: Sequence[HostReport], kind: Kind) -> list[HostReport]:
    """Hosts of which the same is said as one, which names the first of them: a rollout leaves the same note on a
    thousand hosts. What has failed keeps a line of its own in a run; a status groups it by cause below."""
    alike: dict[tuple[str, ...], list[HostReport]] = {}
    for host in hosts:
        alone = kind is not Kind.STATUS and host.condition.health in _TOLD
        alike.setdefault((host.name if alone else "", host.condition, what(host)), []).append(host)
    return [_folded(first, others) if others else first for first, *others in alike.values()]


_FACTS: dict[str, Any] = {"stores": {}, "served": None, "clock": None, "runtimes": (), "verification": ""}
"""What a line tells of a host beside its state, and what it is where it isn't told."""


def _folded(first: HostReport, others: Sequence[HostReport]) -> HostReport:
    """One for all of them: a fact that isn't the same on each is told of none."""
    apart = {
        key: none for key, none in _FACTS.items() if {_shown(each, key) for each in others} != {_shown(first, key)}
    }
    return replace(first, name=f"{first.name} and {len(others)} more", **apart)


def _shown(host: HostReport, key: str) -> str:
    """A fact as a line shows it: clocks that differ by less are the same."""
    value = getattr(host, key)
    return seconds(value) if key == "clock" and value is not None else repr(value)


def _cause(cause: Cause) -> RenderableType:
    finding, mark = cause.finding, Text(MARKS[cause.finding.health], STYLES[cause.finding.health])
    hosts = ", ".join(cause.hosts[:FEW]) + (f" and {len(cause.hosts) - FEW} more" if len(cause.hosts) > FEW else "")
    head = Text.assemble(mark, " ", (visible(hosts), "bold"), ": " if hosts else "", visible(finding.cause))
    if not finding.fix:
        return head
    style = "cyan" if finding.where else ""
    fix = Text.assemble((f"{finding.where or 'next'}: ", "dim"), (visible(cause.fix), style))
    return Group(head, Padding(fix, (0, 0, 0, 2)))


def tally(report: Report) -> str:
    """How many hosts came to what, in a line."""
    counts = report.counts
    if report.kind is Kind.STATUS:
        words = ", ".join(f"{number:,} {word}" for word, number in counts.items())
        return f"{plural(len(report.hosts), 'host')}: {words or 'none'}"
    apart = (Condition.FAILED, Condition.UNREACHABLE, Condition.UNTOUCHED)
    failed, down, untouched = (counts.get(each, 0) for each in apart)
    well = len(report.hosts) - failed - down - untouched
    end = "" if report.finished else f", {untouched:,} untouched; the run was broken off"
    return f"{plural(len(report.hosts), 'host')}: {well:,} well, {failed:,} failed, {down:,} unreachable{end}"
