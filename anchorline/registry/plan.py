"""What is to be done on the registry's host, and what forbids it. Pure: no host, no disk."""

from __future__ import annotations

from anchorline.problem import Problem
from anchorline.registry import daemon
from anchorline.registry.desired import Container
from anchorline.registry.observed import ObservedRegistry

ENOUGH = 64 * 1024
"""KiB that must be free where the images go; with less, even the registry's own image doesn't fit."""


def conflicts(has: ObservedRegistry, wanted: Container) -> list[Problem]:
    """Why the registry can't be put on this host without hurting something that isn't ours, each with the way out."""
    if not has.runtime:
        return [has.runtime_problem or daemon.missing()]
    site, registry = wanted.site, wanted.registry
    found = []
    ours = has.container is not None and has.container.site == site
    if has.container and not ours:
        owner = f"belongs to the site {has.container.site}" if has.container.site else "isn't anchorline's"
        fix = (
            f"keep it under another name (docker stop {registry.name}; docker rename {registry.name} "
            f"{registry.name}-by-hand), or give ours one (registry: {{name: ...}})"
        )
        found.append(Problem(f"a container named {registry.name} {owner}", fix))
    # a container of ours that runs holds its port through Docker's proxy
    held = ours and has.container is not None and has.container.state == "running" and has.port in ("docker-proxy", "?")
    if has.port and not held and not has.before:
        holder = "another process" if has.port == "?" else has.port
        cause = f"port {registry.listen.port} is taken by {holder}"
        found.append(Problem(cause, "stop it, or change registry: {listen: ...}"))
    if has.data == "file":
        found.append(Problem(f"{registry.data} is no folder", "move it, or change registry: {data: ...}"))
    elif has.data not in ("", site):
        owner = "isn't anchorline's" if has.data == "foreign" else f"belongs to the site {has.data}"
        fix = f"adopt it with `echo {site} > {registry.data}/.anchorline`, or change registry: {{data: ...}}"
        found.append(Problem(f"the data folder {registry.data} {owner}", fix))
    if has.free is not None and has.free < ENOUGH:
        found.append(Problem(f"the disk of {registry.data} has {has.free // 1024} MiB left", "make room"))
    return found


def action(has: ObservedRegistry, wanted: Container, *, chain: str, leaf: str) -> tuple[str, str]:
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
