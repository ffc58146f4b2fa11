"""The time line: where a certificate's life lies between the first that began and the last that ends. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from anchorline.problem import Health
from anchorline.report.model import Life, Report
from anchorline.report.words import plural, remaining

MOST = 40
"""So many lives are drawn, those that end first; the rest are told in a table."""
_FAR = timedelta(days=40 * 365)
"""Nothing is drawn further away: RFC 5280 4.1.2.5 ends what never ends in the year 9999."""
_STEPS = (1, 3, 6, 12, 24, 60, 120, 240, 480)
"""Months between two marks."""
_MARKS = 6


@dataclass(frozen=True)
class Row:
    """One life: ``left`` and ``width`` in per cent of the time line, ``state`` with its reason in words."""

    life: Life
    health: Health
    state: str
    reason: str
    left: float
    width: float

    @property
    def days(self) -> str:
        """How long it lives, or since when it doesn't."""
        return remaining(self.life.days)


@dataclass(frozen=True)
class Line:
    """The time line: ``today`` and the ``marks`` (where, what it says) in per cent, the ``rows`` from its top;
    ``rest`` are the lives that it has no place for."""

    today: float
    marks: tuple[tuple[float, str], ...]
    rows: tuple[Row, ...]
    rest: tuple[Row, ...]


def line(report: Report) -> Line | None:
    """The time line of all certificates that the report knows. None where it knows none."""
    found = list(_lives(report))
    if not found:
        return None
    now = report.time
    begins = max(now - _FAR, min(now, *(life.begins for life, *_ in found)))
    ends = min(now + _FAR, max(now, *(life.ends for life, *_ in found)))
    length = max(ends - begins, timedelta(days=1))

    def place(moment: datetime) -> float:
        return round(100 * min(1.0, max(0.0, (moment - begins) / length)), 2)

    rows = [
        Row(life, health, state, reason, place(life.begins), round(max(0.0, place(life.ends) - place(life.begins)), 2))
        for life, health, state, reason in found
    ]
    drawn = sorted(rows, key=lambda each: each.life.ends)[:MOST] if len(rows) > MOST else rows
    shown = {id(row) for row in drawn}
    # the last per cents have no room for a mark's words
    marks = tuple((place(moment), words) for moment, words in _marks(begins, begins + length * 0.92))
    return Line(place(now), marks, tuple(drawn), tuple(row for row in rows if id(row) not in shown))


def _lives(report: Report) -> Iterator[tuple[Life, Health, str, str]]:
    """What ``pki/`` has, the CA of a rotation, and what hosts are served that isn't among them."""
    served: dict[str, list[Life]] = {}
    for host in report.hosts:
        if host.served is not None:
            served.setdefault(host.served.sha256, []).append(host.served)
    for each in report.certificates:
        if each.life is not None:
            words = _served(served.pop(each.life.sha256, []))
            yield each.life, each.health, each.state, "; ".join(filter(None, (each.reason, words)))
    known = {each.life.sha256 for each in report.certificates if each.life}
    if report.rotation is not None and report.rotation.ca.sha256 not in known:
        yield report.rotation.ca, Health.GOOD, "rotation", report.rotation.stage
    for lives in served.values():
        # in a run it may be the one of before
        health = Health.BAD if lives[0].days < 0 else Health.WARNING
        yield lives[0], health, "served", f"{_served(lives)}; pki/ has another"


def _served(lives: Sequence[Life]) -> str:
    return f"served to {plural(len(lives), 'host')}" if lives else ""


def _marks(begins: datetime, ends: datetime) -> Iterator[tuple[datetime, str]]:
    months = (ends - begins).days / 30.4
    step = next((each for each in _STEPS if months / each <= _MARKS), _STEPS[-1])
    month = begins.year * 12 + begins.month - 1
    month += -month % step
    while True:
        moment = begins.replace(
            year=month // 12, month=month % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0
        )
        if moment > ends:
            return
        if moment >= begins:
            yield moment, f"{moment:%Y}" if step >= 12 else f"{moment:%Y-%m}"
        month += step
