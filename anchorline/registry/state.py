"""What a host has of the registry, what it should have, and what is to be done. Pure: no host, no disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anchorline.fleet.room import number
from anchorline.registry.container import Container

ENOUGH = 64 * 1024
"""KiB that must be free where the images go; with less, even the registry's own image doesn't fit."""


@dataclass(frozen=True)
class Found:
    """A container that is there: its state (``running``, ``exited``), its id, and whose labels it carries."""

    state: str
    id: str
    site: str
    digest: str


@dataclass(frozen=True)
class Standing:
    """One host's registry, as its probe printed it.

    ``runtime`` is the daemon's version, or empty with ``runtime_cause``. ``before`` is the container that a
    replacement has set aside; there is one after a replacement was cut off. ``port`` is who listens there (``?``
    where that can't be told). ``data`` is ``""`` for a folder that is free, a site's name, ``foreign`` or ``file``.
    ``started`` is the digest of the chain that the container last started with. ``health`` is empty when it is well.
    ``served`` is what it serves then, and ``brought`` whether somebody else issued what it was last given.
    """

    runtime: str = ""
    runtime_cause: str = ""
    container: Found | None = None
    before: Found | None = None
    image: str = ""
    port: str = ""
    data: str = ""
    free: int | None = None
    started: str = ""
    health: str = "no answer"
    served: str = ""
    brought: bool = False


def read(lines: Sequence[str], name: str) -> Standing:
    """Read what probe.sh printed. Raises ValueError for an answer without its first line."""
    said: dict[str, str] = {}
    found: dict[str, Found] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "container":
            called, state, identity, *labels = rest.split(" ")
            site, digest = [*labels, "", ""][:2]
            found[called.lstrip("/")] = Found(state, identity, site, digest)
        else:
            said.setdefault(word, rest)
    runtime, _, rest = said.get("runtime", "").partition(" ")
    if not runtime:
        raise ValueError("the host's answer says nothing of its container runtime")
    if runtime != "up":
        missing = "docker isn't installed"
        return Standing(runtime_cause=missing if runtime == "missing" else f"docker doesn't answer: {rest}")
    healthy, _, served = said.get("health", "").partition(" ")
    return Standing(
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
        brought="brought" in said,
    )


def objections(has: Standing, wanted: Container) -> list[str]:
    """Why the registry can't be put on this host without hurting something that isn't ours, each with the way out."""
    if not has.runtime:
        return [f"{has.runtime_cause}: install and start Docker, or move the group `registry` to another host"]
    site, registry = wanted.site, wanted.registry
    reasons = []
    ours = has.container is not None and has.container.site == site
    if has.container and not ours:
        owner = f"belongs to the site {has.container.site}" if has.container.site else "isn't anchorline's"
        reasons.append(
            f"a container named {registry.name} {owner}: keep it under another name (docker stop {registry.name}; "
            f"docker rename {registry.name} {registry.name}-by-hand), or give ours one (registry: {{name: ...}})"
        )
    # a container of ours that runs holds its port through Docker's proxy
    held = ours and has.container is not None and has.container.state == "running" and has.port in ("docker-proxy", "?")
    if has.port and not held and not has.before:
        holder = "another process" if has.port == "?" else has.port
        reasons.append(
            f"port {registry.listen.port} is taken by {holder}: stop it, or change registry: {{listen: ...}}"
        )
    if has.data == "file":
        reasons.append(f"{registry.data} is no folder: move it, or change registry: {{data: ...}}")
    elif has.data not in ("", site):
        owner = "isn't anchorline's" if has.data == "foreign" else f"belongs to the site {has.data}"
        reasons.append(
            f"the data folder {registry.data} {owner}: adopt it with `echo {site} > {registry.data}/.anchorline`, "
            f"or change registry: {{data: ...}}"
        )
    if has.free is not None and has.free < ENOUGH:
        reasons.append(f"the disk of {registry.data} has {has.free // 1024} MiB left: make room")
    return reasons


def action(has: Standing, wanted: Container, *, chain: str, leaf: str) -> tuple[str, str]:
    """What is to be done, one of ``create``, ``replace``, ``restart``, ``start`` or nothing, and why.

    ``leaf`` is the fingerprint of the certificate that should be served, ``chain`` the digest of it with its
    intermediates; both are empty where none is.
    """
    if has.before:
        return "replace", "a replacement was cut off"
    if has.container is None:
        return "create", "no container"
    if has.container.digest != wanted.digest:
        return "replace", "the specification changed"
    if has.started != chain:
        return "restart", "another certificate"
    if has.container.state != "running":
        return "start", f"the container is {has.container.state}"
    if has.health:
        return "restart", f"not healthy: {has.health}"
    if has.served not in ("", leaf):
        return "restart", "it serves another certificate than the one on disk"
    return "", ""
