"""What a host has of the registry, as its probe printed it. Pure: no host, no disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anchorline.fleet.probe import number
from anchorline.problem import Problem
from anchorline.registry import daemon


@dataclass(frozen=True)
class FoundContainer:
    """A container that is there: its state (``running``, ``exited``), its id, and whose labels it carries."""

    state: str
    id: str
    site: str
    digest: str


@dataclass(frozen=True)
class ObservedRegistry:
    """One host's registry, as its probe printed it.

    ``runtime`` is the daemon's version, or empty with ``runtime_problem``. ``before`` is the container that a
    replacement has set aside; there is one after a replacement was cut off. ``port`` is who listens there (``?``
    where that can't be told). ``data`` is ``""`` for a folder that is free, a site's name, ``foreign`` or ``file``.
    ``started`` is the digest of the chain that the container last started with. ``health`` is empty when it is well.
    ``served`` is what it serves then, and ``external`` whether somebody else issued what it was last given.
    """

    runtime: str = ""
    runtime_problem: Problem | None = None
    container: FoundContainer | None = None
    before: FoundContainer | None = None
    image: str = ""
    port: str = ""
    data: str = ""
    free: int | None = None
    started: str = ""
    health: str = "no answer"
    served: str = ""
    external: bool = False


def read(lines: Sequence[str], name: str) -> ObservedRegistry:
    """Read what probe.sh printed. Raises ValueError for an answer without its first line."""
    said: dict[str, str] = {}
    found: dict[str, FoundContainer] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "container":
            called, state, identity, *labels = rest.split(" ")
            site, digest = [*labels, "", ""][:2]
            found[called.lstrip("/")] = FoundContainer(state, identity, site, digest)
        else:
            said.setdefault(word, rest)
    runtime, _, rest = said.get("runtime", "").partition(" ")
    if not runtime:
        raise ValueError("the host's answer says nothing of its container runtime")
    if runtime != "up":
        problem = daemon.missing() if runtime == "missing" else daemon.down("docker", rest)
        return ObservedRegistry(runtime_problem=problem)
    healthy, _, served = said.get("health", "").partition(" ")
    return ObservedRegistry(
        runtime=rest,
        container=found.get(name),
        before=found.get(f"{name}-before"),
        image=said.get("image", ""),
        port=(said["port"] or "?") if "port" in said else "",
        data=said.get("data", ""),
        free=number(said.get("free", "")),
        started=said.get("started", ""),
        health="" if healthy == "ok" else said.get("health", ""),
        served=served if healthy == "ok" else "",
        external="brought" in said,
    )
