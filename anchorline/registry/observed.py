"""What a host has of an instance, as its probe printed it. Pure: no host, no disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from anchorline.fleet import words
from anchorline.fleet.probe import number
from anchorline.problem import Problem, ProblemError
from anchorline.registry import daemon
from anchorline.registry.desired import Instance


@dataclass(frozen=True)
class FoundContainer:
    """A container that is there: its state (``running``, ``exited``), its id, and whose labels it carries."""

    state: str
    id: str
    site: str
    digest: str


class DataState(StrEnum):
    """What the data folder is, by the mark in it (shell/data.sh)."""

    FREE = "free"
    """It is empty, or isn't there."""
    FILE = "file"
    """It is no folder."""
    FOREIGN = "foreign"
    """Something is in it, and nothing says whose it is."""
    FORGED = "forged"
    """Its mark isn't root's own plain file, or the folder isn't root's any more."""
    ANOTHER = "another"
    """It isn't the one that the container was given: its disk isn't mounted, or it was moved."""
    OF = "of"
    """Its mark names a site."""


@dataclass(frozen=True)
class FoundData:
    """The data folder. ``site`` is whose it is; ``noted`` whether it would be told from another one in its place."""

    state: DataState = DataState.FREE
    site: str = ""
    noted: bool = False


class FileState(StrEnum):
    """How a file of ours lies, against the digest that was noted when it was written."""

    KEPT = "kept"
    CHANGED = "changed"
    MISSING = "missing"
    UNKNOWN = "unknown"
    """No digest was noted: a version before this one wrote it."""


@dataclass(frozen=True)
class FoundFile:
    """One of our own files. ``digest`` is that of its content, and empty for a secret one, or one that is missing."""

    state: FileState
    digest: str = ""


@dataclass(frozen=True)
class Started:
    """What was noted when we last started the container: digests of the chain and of the configuration, and the
    runtime's own word for the moment."""

    chain: str = ""
    configured: str = ""
    at: str = ""


@dataclass(frozen=True)
class ObservedRegistry:
    """One host's instance, as its probe printed it.

    ``runtime`` is the daemon's version, or empty with ``runtime_problem``. ``before`` is the container that a
    replacement has set aside; there is one after a replacement was cut off. ``port`` is who listens there (``?``
    where that can't be told). ``at`` is when the container started, in the runtime's words. ``health`` is empty when it
    is well. ``served`` is what it serves then, and ``external`` whether somebody else issued what it was last given.
    ``cut_off`` is whether a change left its own files behind. ``files`` are our own, by name.
    """

    runtime: str = ""
    runtime_problem: Problem | None = None
    container: FoundContainer | None = None
    before: FoundContainer | None = None
    image: str = ""
    port: str = ""
    data: FoundData = FoundData()
    free: int | None = None
    started: Started = Started()
    at: str = ""
    health: str = "no answer"
    served: str = ""
    external: bool = False
    cut_off: bool = False
    files: Mapping[str, FoundFile] = field(default_factory=dict)

    @property
    def restarted(self) -> bool:
        """Whether somebody else may have started the container since we did, with files that we don't know."""
        return self.at != self.started.at


def read(lines: Sequence[str], instance: Instance) -> ObservedRegistry:
    """Read what probe.sh printed. Raises ValueError for an answer without its first line, or with another's words."""
    every = words.read(lines)
    containers: dict[str, FoundContainer] = {}
    for called, state, identity, *labels in every.pop("container", ()):
        site, digest = [*labels, "", ""][:2]
        containers[called.lstrip("/")] = FoundContainer(state, identity, site, digest)
    files = {name: FoundFile(FileState(how), "".join(digest)) for how, name, *digest in every.pop("file", ())}
    said = {kind: words.first(found) for kind, found in every.items()}
    runtime, _, rest = said.get("runtime", "").partition(" ")
    if not runtime:
        raise ProblemError("the host's answer says nothing of its container runtime")
    if runtime != "up":
        unit = instance.runtime.unit
        return ObservedRegistry(runtime_problem=daemon.missing() if runtime == "missing" else daemon.down(unit, rest))
    healthy, _, served = said.get("health", "").partition(" ")
    return ObservedRegistry(
        runtime=rest,
        container=containers.get(instance.name),
        before=containers.get(f"{instance.name}-before"),
        image=said.get("image", ""),
        port=(said["port"] or "?") if "port" in said else "",
        data=_data(said.get("data", ""), noted="noted" in said),
        free=number(said.get("free", "")),
        started=Started(said.get("started", ""), said.get("configured", ""), said.get("started-at", "")),
        at=said.get("at", ""),
        health="" if healthy == "ok" else said.get("health", ""),
        served=served if healthy == "ok" else "",
        external="external" in said,
        cut_off="cut" in said,
        files=files,
    )


def _data(told: str, *, noted: bool) -> FoundData:
    state, _, site = told.partition(" ")
    found = DataState(state) if state else DataState.FREE
    return FoundData(found if found is not DataState.OF or site else DataState.FOREIGN, site, noted)
