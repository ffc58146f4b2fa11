"""Who is kept from a file that they must read, as access.sh finds it: by a mode, or by a label of SELinux. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anchorline.characters import quoted
from anchorline.problem import Problem, ProblemError, Where
from anchorline.registry.desired import Instance
from anchorline.trust.stores.families import FAMILIES
from anchorline.trust.stores.runtimes import RUNTIMES

REGISTRY = "registry"


def guarded(site: str) -> list[str]:
    """What every user of a host must be able to read, as access.sh reads it: ``WHOSE RIGHTS PATTERN``, a line each.

    p11-kit and Podman list the folder, in whichever user's name they run; dockerd and containerd are root.
    """
    whose: dict[str, list[str]] = {}
    for family in FAMILIES:
        for rights in (f"{'l' if family.p11 else 'r'} {family.path(f'anchorline-{site}-*')}", f"r {family.bundle}"):
            whose.setdefault(rights, []).append(family.name)
    for runtime in RUNTIMES.values():
        if runtime.rootless:
            whose.setdefault(f"l {runtime.folder}/*/anchorline-{site}-*.crt", []).append(runtime.name)
    return [f"{','.join(names)} {rights}" for rights, names in whose.items()]


@dataclass(frozen=True)
class Denied:
    """Someone is kept from ``path``. ``lacks``: rights that its mode lacks for ``reader`` (``UID:GID``, or empty for
    everybody); or ``label``, what SELinux should have it labelled, in place of ``has``."""

    whose: frozenset[str]
    path: str
    has: str
    lacks: str = ""
    reader: str = ""
    label: str = ""

    def problem(self, container: Instance | None) -> Problem:
        """What is wrong, and what fixes it on the host."""
        return Problem(self._cause, self._command(container), Where.ON_THE_HOST)

    @property
    def _cause(self) -> str:
        if self.label:
            return f"{self.path} has the SELinux label {self.has}, not {self.label}"
        who = f"the registry (user {self.reader})" if self.reader else "users"
        return f"{who} can't {_RIGHTS[self.lacks]} {self.path}, mode {self.has}"

    def _command(self, container: Instance | None) -> str:
        """A private key's folder is given to its reader, and never opened to everybody."""
        path = quoted(self.path)
        if not self._served or container is None:
            return f"restorecon -R {path}" if self.label else f"chmod o+{self.lacks} {path}"
        again = f"{container.runtime.program} restart {quoted(container.name)}"
        root = next((each for each in (container.folder, container.writable) if _within(self.path, each)), "")
        if self.label:
            return f"chcon -R {quoted(self.label)} {quoted(root)} && {again}"
        return f"chown -R {quoted(self.reader)} {quoted(root)} && {again}" if root else f"chmod o+{self.lacks} {path}"

    @property
    def _served(self) -> bool:
        return REGISTRY in self.whose


def _within(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")


_RIGHTS = {
    "r": "read",
    "x": "go through",
    "rx": "list",
    "w": "write to",
    "rw": "write to",
    "wx": "write to",
    "rwx": "write to",
}


def read(denied: Sequence[tuple[str, ...]], labels: Sequence[tuple[str, ...]], reader: str) -> tuple[Denied, ...]:
    """What access.sh printed after ``denied`` and ``label``. Raises ValueError for what it can't have printed."""
    found = []
    for whose, lacks, mode, owner, *path in denied:
        names = frozenset(whose.split(","))
        if lacks not in _RIGHTS:
            raise ProblemError("the host's answer names an unknown right")
        found.append(Denied(names, " ".join(path), f"{mode} of {owner}", lacks, reader if REGISTRY in names else ""))
    for whose, has, label, *path in labels:
        found.append(Denied(frozenset(whose.split(",")), " ".join(path), has, label=label))
    return tuple(found)
