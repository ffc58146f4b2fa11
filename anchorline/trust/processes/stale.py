"""Processes that hold the roots of before a change: what stale.sh found, and how each is refreshed. Pure.

A process reads the system's roots at its first handshake or at its start, and few look again. Nothing else can tell:
a bundle is read and closed, so it stands in no process's maps.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from anchorline.characters import quoted
from anchorline.fleet.scripts import Inputs

PROC = "/proc"
HASHED = ("/etc/ssl/certs", "/etc/pki/tls/certs")
"""Where OpenSSL looks a certificate up by its hash, when it meets one that it doesn't know."""
STAMPS = "/run/anchorline"
"""Where a host remembers when its roots last changed, in a folder of each site: that counts until the next boot."""
SHOWN = 3
"""As many are named in a host's line; the rest is counted."""

BY_ITSELF = frozenset({"openssl"})
"""The stacks that see an addition without a restart, where there is a folder of hashes. A context keeps what it has
found, so that no stack sees a removal."""

FIRST = {
    "dockerd": "docker",
    "containerd": "containerd",
    "kubelet": "",
    "k3s": "",
    "crio": "podman",
    "gitlab-runner": "",
    "buildkitd": "",
}
"""Programs to name before all others, and the store of ours that each reads at every pull, whatever roots it holds."""

IGNORED = re.compile(
    r"sshd.*|sftp-server|sudo|su|login|agetty|cron|dbus-.*|systemd.*|\(sd-pam\)|polkitd"
    r"|containerd-shim.*|docker-proxy|docker-init|conmon|runc|crun|tini|pause|registry"
)
"""Programs that bring a TLS library or are written in Go, and verify nobody against the system's roots."""

REFRESH = (
    (re.compile(r"^(?!.*/user\.slice/).*?/(?P<unit>[^/]+)\.service(?=/|$)"), "{}.service", "systemctl restart {}"),
    (re.compile(r"^.*/openrc\.(?P<unit>[^/]+)"), "{}", "rc-service {} restart"),
)
"""A control group, the unit that it belongs to, and what restarts that."""

_CONTAINER = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Stamps(Inputs):
    """What stale.sh is told."""

    proc: str
    stamps: str
    hashed: tuple[str, ...]

    @classmethod
    def of(cls, site: str) -> Stamps:
        """Of a site's folder on a host."""
        return cls(proc=PROC, stamps=f"{STAMPS}/{site}", hashed=HASHED)


@dataclass(frozen=True)
class Process:
    """A process that began before a change (``add`` or ``remove``). ``place`` is ``host`` or ``container``."""

    pid: int
    change: str
    place: str
    stack: str
    cgroup: str
    name: str

    @property
    def unit(self) -> str:
        """What people call it: its unit, or its name and number where it has none."""
        found, named, _ = self._row
        return named.format(found) if found else f"{self.name} ({self.pid})"

    @property
    def command(self) -> str:
        """What refreshes it; for one that belongs to no unit, nothing."""
        found, _, command = self._row
        return command.format(quoted(found)) if found else ""

    @property
    def container(self) -> str:
        """The container that it is in, by the beginning of its ID where the control group tells it."""
        found = _CONTAINER.search(self.cgroup)
        return f"{self.name} {found[0][:12]}" if found else f"{self.name} ({self.pid})"

    @property
    def _row(self) -> tuple[str, str, str]:
        rows = ((pattern.match(self.cgroup), named, command) for pattern, named, command in REFRESH)
        return next(((found["unit"], named, command) for found, named, command in rows if found), ("", "", ""))


def read(said: Sequence[tuple[str, ...]]) -> tuple[Process, ...]:
    """The processes of what ``stale`` in stale.sh printed that matter, the important ones first: words.py has its form.

    Raises ValueError for what it can't have printed.
    """
    by_itself = BY_ITSELF if ("hashed",) in said else frozenset()
    found = []
    for line in said:
        if line == ("hashed",):
            continue
        pid, change, place, stack, cgroup, *names = (re.sub(r"[^!-~]", "?", word) for word in line)
        name = " ".join(names)
        matters = not IGNORED.fullmatch(name) and (place == "container" or change == "remove" or stack not in by_itself)
        if matters:
            found.append(Process(int(pid), change, place, stack, cgroup, name))
    order = [*FIRST]
    return tuple(sorted(found, key=lambda each: order.index(each.name) if each.name in FIRST else len(order)))


def message(processes: Collection[Process], kept: Collection[str]) -> Iterator[str]:
    """What the summary says of a host's processes, a sentence for each kind. ``kept``: the runtimes' stores that the
    host has for a registry of ours."""
    for change, words in (("remove", "with a root that was removed"), ("add", "with the old roots")):
        here = [each for each in processes if each.place == "host" and each.change == change]
        units: dict[str, str] = {}
        for each in here:
            exempt = FIRST.get(each.name) in kept
            hint = f"{each.command}; pulls from our registry go on without" if exempt else each.command
            units.setdefault(each.unit, f"{each.unit} ({hint})" if hint else each.unit)
        if here:
            yield f"{_count(here, 'process', 'processes')} {words}: {_some(units.values())}"
    inside = {each.container for each in processes if each.place == "container"}
    if inside:
        yield (
            f"{_count(inside, 'container', 'containers')} with other roots, which an image or a volume must give: "
            f"{_some(sorted(inside))}"
        )


def exempt(stores: Collection[str], tools: Collection[str]) -> set[str]:
    """The runtimes' stores whose daemons pull from a registry of ours whatever roots they hold: those that are kept
    here, and that of a containerd which serves Docker alone, for it pulls nothing itself. ``tools``: the runtimes that
    are in use."""
    kept = {store for store in stores if store in tools}
    return kept | ({"containerd"} if "docker" in kept and "containerd" not in tools else set())


def _count(things: Collection[object], one: str, many: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else many}"


def _some(names: Collection[str]) -> str:
    more = [f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return ", ".join(chain([*names][:SHOWN], more))
