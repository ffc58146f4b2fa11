"""The hosts of the lab, and what each of them plays.

A host is its layers on the image of its Debian: `every`, then its userland, then its runtime, each a folder of
`lab/layers`. What only some hosts have, runtimes and languages, is purged from the others: none finds a second runtime
by accident, and most have no Python.
"""

from __future__ import annotations

from dataclasses import dataclass

CONTROLLER = "192.0.2.1"
PREFIX_LENGTH = 24

# Where root file systems that somebody brings get their place: as many as there are addresses.
BROUGHT = tuple(f"192.0.2.{number}" for number in range(31, 39))
# How one of them runs sshd, whatever its own configuration says. Debian's and Ubuntu's wants a folder in /run.
SSHD = ("/bin/sh", "-c", "mkdir -p /run/sshd; exec $(command -v sshd) -D -e -f /etc/ssh/lab/sshd_config")


@dataclass(frozen=True)
class Runtime:
    """A container runtime: its Debian packages, and the systemd units that stand when it is ready."""

    name: str
    packages: tuple[str, ...]
    units: tuple[str, ...] = ()


NONE = Runtime("none", ())
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
        "skopeo",
        "buildah",
    ),
)
CONTAINERD = Runtime("containerd", ("containerd", "runc"), ("containerd.service",))
RUNTIMES = (DOCKER, PODMAN, CONTAINERD)

# Languages with a TLS library of their own, for the tests of clients. Java's makes each update of the store a second
# longer.
JAVA = ("openjdk-21-jre-headless", "ca-certificates-java", "java-common")
PYTHON = ("python3", "python3-minimal", "python3.13", "python3.13-minimal")


@dataclass(frozen=True)
class Image:
    """What hosts are made from: a release of Debian, the packages that all of them keep, and those that some do."""

    suite: str
    packages: tuple[str, ...]
    optional: tuple[str, ...] = ()


EVERY = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2", "nftables", "procps"),
    *("curl", "openssl", "ca-certificates", "gnutls-bin", "libnss3-tools"),
)
TRIXIE = Image(
    "trixie",
    (*EVERY, "iptables", "p11-kit", "p11-kit-modules"),
    tuple(sorted({*JAVA, *PYTHON, *(package for runtime in RUNTIMES for package in runtime.packages)})),
)
BOOKWORM = Image("bookworm", (*EVERY, "python3"))
IMAGES = (TRIXIE, BOOKWORM)


@dataclass(frozen=True)
class Host:
    """One host: its name, its address on the bridge, whose folders it has, and what it runs containers with.

    ``rootfs`` is the artefact that it is made from, where somebody brought that.
    """

    name: str
    address: str
    userland: str
    runtime: Runtime
    plays: str
    languages: tuple[str, ...] = ()
    image: Image = TRIXIE
    rootfs: str = ""

    @property
    def layers(self) -> tuple[str, ...]:
        return ("every", self.userland, self.runtime.name)

    @property
    def without(self) -> tuple[str, ...]:
        """The packages of its image that only other hosts keep."""
        own = {*self.runtime.packages, *self.languages}
        return tuple(each for each in self.image.optional if each not in own)


HOSTS = (
    Host("registry", "192.0.2.10", "debian", DOCKER, "runs the registry"),
    Host("debian", "192.0.2.21", "debian", DOCKER, "a client with Debian's folders", (*JAVA, *PYTHON)),
    Host("arch-layout", "192.0.2.22", "arch", PODMAN, "a client with Arch's folders"),
    Host("fedora-layout", "192.0.2.23", "fedora", CONTAINERD, "a client with Fedora's folders"),
    Host("debian12", "192.0.2.24", "debian", NONE, "a client without a runtime, Debian 12", image=BOOKWORM),
)
