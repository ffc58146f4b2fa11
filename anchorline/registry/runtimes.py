"""What runs containers: a row for each runtime, and its verbs in a shell file of the same names. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ContainerRuntime:
    """One container runtime.

    ``program`` is what people type. ``verbs`` is the shell file that has ``container_start``, ``image_pull`` and the
    others: each runtime's has the same ones. ``proxies`` are the processes that hold a container's port for it, as
    ``ss`` names them. ``unit`` is the daemon's, as its host's service manager knows it.
    """

    name: str
    program: str
    verbs: str
    proxies: tuple[str, ...]
    unit: str


CONTAINER_RUNTIMES = {
    row.name: row
    for row in (
        ContainerRuntime(
            name="docker",
            program="docker",
            verbs="registry/shell/docker.sh",
            proxies=("docker-proxy",),
            unit="docker",
        ),
    )
}
"""By the word of the spec (``registry: {runtime: ...}``)."""
