"""Hosts that are alike told once: in a fleet of thousands most are. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from anchorline.report.model import WORST_FIRST, HostReport
from anchorline.report.words import holdings, seconds

FEW = 60
"""Up to so many hosts each has a place and words of its own."""


@dataclass(frozen=True)
class Alike:
    """Hosts that differ in name, findings, clock and verification alone. ``clock``: slowest to fastest."""

    hosts: tuple[HostReport, ...]

    @property
    def first(self) -> HostReport:
        """The one that speaks for all."""
        return self.hosts[0]

    @property
    def trust(self) -> tuple[str, ...]:
        """The stores by what they hold."""
        return tuple(holdings(self.first.stores))

    @property
    def clock(self) -> str:
        offsets = [host.clock for host in self.hosts if host.clock is not None]
        return " to ".join(dict.fromkeys(map(seconds, (min(offsets), max(offsets))))) if offsets else ""


def alike(hosts: Sequence[HostReport]) -> list[Alike]:
    """The hosts in groups, the worst first. Of a few hosts each is a group of its own."""
    groups = _grouped(hosts, _details) if len(hosts) > FEW else [(host,) for host in hosts]
    return sorted(map(Alike, groups), key=lambda each: WORST_FIRST.index(each.first.condition.health))


def same(
    hosts: Iterable[HostReport], what: Callable[[HostReport], tuple[str, ...]]
) -> list[tuple[tuple[str, ...], list[str]]]:
    """Which hosts have the same words, the most first; hosts with none are left out."""
    found = [(what(group[0]), [host.name for host in group]) for group in _grouped(hosts, what) if what(group[0])]
    return sorted(found, key=lambda each: -len(each[1]))


def _grouped(hosts: Iterable[HostReport], key: Callable[[HostReport], Hashable]) -> list[tuple[HostReport, ...]]:
    groups: dict[Hashable, list[HostReport]] = {}
    for host in hosts:
        groups.setdefault(key(host), []).append(host)
    return [tuple(each) for each in groups.values()]


def _details(host: HostReport) -> Hashable:
    return (
        host.condition,
        host.system,
        host.runtimes,
        tuple(host.stores.items()),
        host.served and host.served.sha256,
        host.stale,
        host.drift,
        host.changes,
        host.notes,
    )
