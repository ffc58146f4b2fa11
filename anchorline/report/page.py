"""The report as a page: one HTML file that needs nothing else, for a browser, paper and a screen reader. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from anchorline.characters import visible_lines
from anchorline.problem import Health, Problem
from anchorline.render import render
from anchorline.report.alike import FEW, alike, same
from anchorline.report.lives import line
from anchorline.report.model import Condition, HostReport, Kind, Report, without_name
from anchorline.report.words import plural, remaining, seconds, size

_NAMED = 12
"""So many hosts are named where a cause or a change is told; the others open below it."""
_CARDS = 12
"""So many causes have a card, those of the most hosts; the others open below it as a table."""
_LINKED = 250
"""Up to so many squares of the map are links: each is a stop on the way of who has no mouse."""

_CHANGES = {
    Kind.STATUS: "What a deploy would change",
    Kind.RUN: "What changed",
    Kind.PLAN: "What would change",
}
_ISSUES = {
    Kind.STATUS: "Certificates that the next deploy issues",
    Kind.RUN: "Certificates that were issued",
    Kind.PLAN: "Certificates that would be issued",
}
_NOTHING = {
    Kind.STATUS: "Nothing: all is as declared.",
    Kind.RUN: "Nothing: all of it is done.",
    Kind.PLAN: "Nothing stands in its way. The same command without --dry carries it out.",
}
_STAGES = ("made", "trusted", "promoted", "withdrawn")


@dataclass(frozen=True)
class Names:
    """Hosts by name: those that are read, and those that open."""

    shown: tuple[str, ...]
    folded: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str]) -> Names:
        most = _NAMED if len(names) > _NAMED + 1 else len(names)
        return cls(tuple(names[:most]), tuple(names[most:]))

    def __len__(self) -> int:
        return len(self.shown) + len(self.folded)


@dataclass(frozen=True)
class Task:
    """Something to do: the ``anchor`` to which hosts point, what is wrong, and where."""

    anchor: str
    finding: Problem
    fix: str
    names: Names


def page(report: Report) -> str:
    """The report as one HTML file without script or anything from elsewhere.

    Under 300 bytes for each host that is like others. Control characters are shown, not sent.
    """
    down = {host.name for host in report.hosts if host.condition is Condition.UNREACHABLE}
    numbers = {cause.finding: number for number, cause in enumerate(report.causes, 1)}
    troubled = [host for host in report.hosts if host.condition.health is not Health.GOOD]
    few = len(report.hosts) <= FEW
    anchors = {
        host.name: number
        for number, host in enumerate(report.hosts, 1)
        if few or host.condition.health is not Health.GOOD
    }
    html = render(
        "report.html.j2",
        report=report,
        title=_title(report),
        verdict=verdict(report),
        worst=_worst(report),
        groups=alike(report.hosts),
        tasks=_split(_tasks(report, numbers, down, reach=True)),
        unreachable=_split(_tasks(report, numbers, down, reach=False)),
        silent=Names.of([host.name for host in report.hosts if host.name in down and not host.findings]),
        down=len(down),
        nothing=_NOTHING[report.kind] if not numbers and not any(map(_in_trouble, troubled)) else "",
        troubled=troubled if len(troubled) <= FEW else [],
        many_troubled=len(troubled) > FEW,
        linked=len(troubled) <= _LINKED,
        well=[host for host in report.hosts if host.condition.health is Health.GOOD] if few else [],
        few=few,
        anchors=anchors,
        anchor_of=lambda host, finding: _anchor(numbers[without_name(finding, host.name)], reach=host.name not in down),
        known={each.life.sha256: each.name for each in report.certificates if each.life},
        changes_title=_CHANGES[report.kind],
        changes=[(words, Names.of(names)) for words, names in same(report.hosts, _changes(report.kind))],
        issues_title=_ISSUES[report.kind],
        issues=[each for each in report.certificates if each.issues],
        line=line(report),
        stages=_STAGES,
        stage=_stage(report),
        look=look,
        size=size,
        seconds=seconds,
        remaining=remaining,
        number=lambda value: f"{value:,}",
        plural=plural,
        date=lambda moment: f"{moment:%Y-%m-%d}",
        moment=f"{report.time.day} {report.time:%B %Y, %H:%M %Z}".strip(),
    )
    # last: HTML has no place for control characters, and escaping leaves them
    return visible_lines(html)


def verdict(report: Report) -> str:
    """The whole report in one sentence without a full stop: ``3 of 5 hosts are as declared``."""
    every = len(report.hosts)
    well = sum(host.condition.health is Health.GOOD for host in report.hosts)
    if not report.hosts:
        return "No host was looked at"
    if report.kind is Kind.PLAN:
        return _planned(report)
    done = "as declared" if report.kind is Kind.STATUS else "done"
    broken = "" if report.finished else "Broken off: "
    if well < every or broken:
        return f"{broken}{well:,} of {plural(every, 'host')} {'is' if well == 1 else 'are'} {done}"
    whole = f"All {every:,} hosts are {done}" if every > 1 else f"The host is {done}"
    unwell = any(each.health in (Health.BAD, Health.UNKNOWN) for each in report.findings)
    return f"{whole}, the site is not" if unwell else whole


def _planned(report: Report) -> str:
    change = report.counts.get(Condition.WOULD_CHANGE, 0)
    issued = sum(each.issues for each in report.certificates)
    told = []
    if change:
        told.append(f"{change:,} of {plural(len(report.hosts), 'host')} would change")
    if issued:
        told.append(f"{plural(issued, 'certificate')} would be issued")
    bad = len(report.hosts) - change - sum(host.condition.health is Health.GOOD for host in report.hosts)
    if bad:
        told.append(f"{plural(bad, 'host')} can't be done as planned")
    return ", ".join(told) or "Nothing would change"


def _title(report: Report) -> str:
    return {Kind.STATUS: "Status", Kind.RUN: "Deploy", Kind.PLAN: "Plan"}[report.kind]


def look(condition: Condition) -> str:
    """The colour and the mark of a condition: those of its health, and one of its own for what only would change."""
    return "change" if condition is Condition.WOULD_CHANGE else condition.health.value


def _in_trouble(host: HostReport) -> bool:
    """Whether more is to be done than to carry out the plan."""
    return look(host.condition) not in ("good", "change")


def _worst(report: Report) -> str:
    """The colour of the whole."""
    looks = {look(host.condition) for host in report.hosts} | {each.health.value for each in report.findings}
    if not report.finished:
        looks.add("unknown")
    return next((each for each in ("bad", "unknown", "warning", "change") if each in looks), "good")


def _tasks(report: Report, numbers: Mapping[Problem, int], down: set[str], *, reach: bool) -> Iterator[Task]:
    """The causes of the hosts that answered (and the site's), or of those that didn't."""
    for cause in report.causes:
        names = [name for name in cause.hosts if (name not in down) is reach]
        if names or (reach and not cause.hosts):
            yield Task(_anchor(numbers[cause.finding], reach=reach), cause.finding, cause.fix, Names.of(names))


def _split(tasks: Iterable[Task]) -> tuple[list[Task], list[Task]]:
    """Those that have a card, and the others, each in their order. What concerns the site always comes with a card."""
    every = list(tasks)
    most = {task.anchor for task in sorted(every, key=lambda each: -len(each.names))[:_CARDS]}
    most |= {task.anchor for task in every if not len(task.names)}
    return [each for each in every if each.anchor in most], [each for each in every if each.anchor not in most]


def _anchor(number: int, *, reach: bool) -> str:
    """A cause may stand twice on the page: with the hosts that answered, and with those that didn't."""
    return f"{'cause' if reach else 'unreached'}-{number}"


def _changes(kind: Kind) -> Callable[[HostReport], tuple[str, ...]]:
    return lambda host: host.changes if kind is Kind.RUN else host.drift


def _stage(report: Report) -> int:
    """The last stage that a rotation has behind it, by its place."""
    if report.rotation is None:
        return -1
    return next((place for place, name in enumerate(_STAGES) if name == report.rotation.stage), 0)
