"""The hosts of the lab, and what each of them plays.

A host is its layers on one common image: `every`, then its userland, then its runtime, each a folder of `lab/layers`.
The packages of the runtimes that it doesn't play are purged, so no host has a second runtime to find by accident.
"""

from __future__ import annotations

from dataclasses import dataclass

CONTROLLER = "192.0.2.1"
PREFIX_LENGTH = 24


@dataclass(frozen=True)
class Runtime:
    """A container runtime: its Debian packages, and the systemd units that stand when it is ready."""

    name: str
    packages: tuple[str, ...]
    units: tuple[str, ...] = ()


DOCKER = Runtime("docker", ("docker.io", "docker-cli", "containerd", "runc", "tini"), ("docker.service",))
PODMAN = Runtime(
    "podman",
    (
        "podman",
        "crun",
        "conmon",
        "netavark",
        "aardvark-dns",
        "golang-github-containers-common",
        "golang-github-containers-image",
    ),
)
CONTAINERD = Runtime("containerd", ("containerd", "runc"), ("containerd.service",))
RUNTIMES = (DOCKER, PODMAN, CONTAINERD)


@dataclass(frozen=True)
class Host:
    """One host: its name, its address on the bridge, whose folders it has, and what it runs containers with."""

    name: str
    address: str
    userland: str
    runtime: Runtime
    plays: str

    @property
    def layers(self) -> tuple[str, ...]:
        return ("every", self.userland, self.runtime.name)

    @property
    def without(self) -> tuple[str, ...]:
        """The packages of the runtimes that this host doesn't play."""
        others = {package for runtime in RUNTIMES for package in runtime.packages}
        return tuple(sorted(others - set(self.runtime.packages)))


HOSTS = (
    Host("registry", "192.0.2.10", "debian", DOCKER, "runs the registry"),
    Host("debian", "192.0.2.21", "debian", DOCKER, "a client with Debian's folders"),
    Host("arch-layout", "192.0.2.22", "arch", PODMAN, "a client with Arch's folders"),
    Host("fedora-layout", "192.0.2.23", "fedora", CONTAINERD, "a client with Fedora's folders"),
)
