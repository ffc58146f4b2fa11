"""A service as the spec wants it: its instances, each a container with its files, and how it is told that one has to
be made anew. Pure: no host, no disk.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from anchorline.fleet.scripts import File, state_folder
from anchorline.registry.runtimes import ContainerRuntime
from anchorline.spec.values import Endpoint

SPEC_LABEL = "anchorline.spec"
SITE_LABEL = "anchorline.site"

MARK = ".anchorline"
"""The file in a data folder that says whose it is."""
IMAGES = "docker"
"""What the container has of a data folder: the registry writes below ``docker/registry/v2``."""
FILLED_IN = "@SECRET@"
"""Stands in a configuration for the secret that the host made and keeps."""
MEMORY = ("secret", "started", "files", "data")
"""What a host itself keeps beside an instance's files: the secret for ``FILLED_IN``; what the container last started
with; the digests of the files as they were written; and what tells the data folder from another in its place."""
HARDENED = (
    "--read-only",
    "--cap-drop=ALL",
    # root in the container writes images that were adopted from another user, and nothing else is in its reach
    "--cap-add=DAC_OVERRIDE",
    "--security-opt=no-new-privileges",
    # a thread for each file that is being read counts too
    "--pids-limit=4096",
    # kept where the runtime's own log driver takes them (shell/swap.sh)
    "--log-opt=max-size=10m",
    "--log-opt=max-file=3",
)
"""What keeps a program in a container that has been taken over from its host."""


@dataclass(frozen=True)
class Mount:
    """A folder of the host in the container."""

    source: str
    target: str
    read_only: bool = False

    def __str__(self) -> str:
        """As a runtime takes it; ``@Z`` becomes SELinux's label where that is on."""
        return f"{self.source}:{self.target}{':ro' if self.read_only else ''}@Z"


@dataclass(frozen=True)
class OwnFile:
    """One of the files that an instance is given in its folder.

    ``secret``: no probe asks for its digest, and only the host compares it. ``loaded``: the program reads it when it
    starts, and keeps what it read.
    """

    name: str
    mode: str = "644"
    secret: bool = False
    loaded: bool = True


CONFIGURATION = OwnFile("config.yml", "600")
VOUCHING = OwnFile("ca.pem", loaded=False)
CERTIFICATE = OwnFile("server.pem")
KEY = OwnFile("server-key.pem", "600", secret=True)


@dataclass(frozen=True)
class HealthCheck:
    """Where an instance is asked for ``/v2/``: ``host`` is the name that clients type, and that a certificate is to
    cover; ``nearby`` is where it is reached from its own host. Both without a port."""

    host: Endpoint
    nearby: Endpoint
    tls: bool


@dataclass(frozen=True)
class Instance:
    """One container of a service.

    ``archive`` is a file here that has the image, below the spec's folder. ``folder`` on the host holds its files;
    ``configuration`` is the text of config.yml, with ``FILLED_IN`` in it. ``address`` is what clients type, ``listen``
    the socket on the host, ``inside`` the port in the container. ``arguments`` come after the image. ``volatile`` is a
    folder in the container where an image has a volume that nothing is to be kept in. ``data`` is root's on the host.
    ``certificate`` is the name of the one that it serves with. ``drain``: seconds that running transfers get at a
    stop; a runtime's own patience must be longer, or it kills them.
    """

    site: str
    name: str
    runtime: ContainerRuntime
    image: str
    archive: Path | None
    address: Endpoint
    folder: str
    configuration: str
    files: tuple[OwnFile, ...]
    mounts: tuple[Mount, ...]
    volatile: str
    environment: Mapping[str, str]
    arguments: tuple[str, ...]
    listen: Endpoint
    inside: int
    health: HealthCheck
    data: str
    certificate: str
    drain: int

    @property
    def tls(self) -> bool:
        """Whether it serves TLS. In local mode it is plain HTTP on the loopback interface."""
        return self.health.tls

    @property
    def writable(self) -> str:
        """What the container writes to: all that it has of ``data``."""
        return f"{self.data}/{IMAGES}"

    @property
    def publish(self) -> str:
        """What a runtime's ``--publish`` takes."""
        return f"{self.listen}:{self.inside}"

    @property
    def digest(self) -> str:
        """SHA-256 of all that a running container can't be given anew: its label decides on replacement.

        Its files aren't in it: for those it needs a restart, not a new container.
        """
        parts = {
            "image": self.image,
            "publish": self.publish,
            "environment": dict(self.environment),
            "mounts": [*map(str, self.mounts), self.volatile],
            "arguments": self.arguments,
            "hardened": HARDENED,
        }
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def create(self) -> tuple[str, ...]:
        """The arguments that make the container, after its name."""
        return (
            "--restart=unless-stopped",
            f"--label={SPEC_LABEL}={self.digest}",
            f"--label={SITE_LABEL}={self.site}",
            f"--publish={self.publish}",
            *HARDENED,
            f"--tmpfs={self.volatile}:size=64k,mode=755",
            *(f"--volume={mount}" for mount in self.mounts),
            *(f"--env={name}={value}" for name, value in self.environment.items()),
            self.image,
            *self.arguments,
        )

    def file(self, which: OwnFile, content: str) -> File:
        """One of its files, as it is sent to its host."""
        return File(f"{self.folder}/{which.name}", content, which.mode)

    @property
    def configured(self) -> str:
        """The digest of its configuration, as a host tells it: with ``FILLED_IN`` in the secret's place."""
        return self.file(CONFIGURATION, self.configuration).sha256

    @property
    def table(self) -> str:
        """Its table of nft (family inet), which another site's or instance's never is: neither a site nor a container
        may have a slash in its name, and no site an underscore. nft(8), "Lexical conventions": an identifier is of
        letters, digits and ``/ \\ _ .``; a hyphen isn't named there.
        """
        return f"anchorline_{self.site}_{self.name}".replace("-", "/")

    @property
    def unloaded(self) -> str:
        """Where the archive lies on the host until it is loaded."""
        return f"{state_folder(self.site)}/image.tar"

    @property
    def lock(self) -> str:
        """What one change at a time holds."""
        return f"{self.folder}.lock"

    @property
    def before(self) -> str:
        """The files of before, while a change isn't yet healthy."""
        return f"{self.folder}.before"

    @property
    def paths(self) -> tuple[str, ...]:
        """Everything that it writes on its host, but for images."""
        names = (*(each.name for each in self.files), *MEMORY)
        written = tuple(f"{self.folder}/{name}" for name in names)
        return (*written, self.before, self.lock, self.unloaded, f"{self.data}/{MARK}")


@dataclass(frozen=True)
class Presented:
    """What an instance is to present itself with: ``leaf``, the fingerprint of its certificate; and digests of
    the files that have it with its intermediates (``chain``), and what vouches for it (``vouching``). All are empty for
    plain HTTP."""

    leaf: str = ""
    chain: str = ""
    vouching: str = ""

    def digests(self, instance: Instance) -> Mapping[str, str]:
        """By name, what the files that a probe may ask about should be."""
        every = {CONFIGURATION: instance.configured, VOUCHING: self.vouching, CERTIFICATE: self.chain}
        return {each.name: every[each] for each in instance.files if not each.secret}


@dataclass(frozen=True)
class Service:
    """All instances of a site. Today the registry alone."""

    instances: tuple[Instance, ...] = ()

    @property
    def registry(self) -> Instance | None:
        """The one that clients push to and pull from."""
        return next(iter(self.instances), None)
