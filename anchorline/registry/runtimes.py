"""What runs containers: a row for each runtime, and its verbs in a shell file of the same names. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ContainerRuntime:
    """One container runtime.

    ``program`` is what people type. ``verbs`` is the shell file that has ``container_start``, ``image_pull`` and the
    others: each runtime's has the same ones. ``proxies`` are the processes that hold a container's port for it, as
    ``ss`` names them. ``missing`` and ``silent`` is
    what is wrong where it isn't there or doesn't answer, ``install`` the way out of both.
    """

    name: str
    program: str
    verbs: str
    proxies: tuple[str, ...]
    missing: str
    silent: str
    install: str


CONTAINER_RUNTIMES = {
    row.name: row
    for row in (
        ContainerRuntime(
            name="docker",
            program="docker",
            verbs="registry/shell/docker.sh",
            proxies=("docker-proxy",),
            missing="docker isn't installed",
            silent="docker doesn't answer",
            install="install and start Docker",
        ),
    )
}
"""By the word of the spec (``registry: {runtime: ...}``)."""
