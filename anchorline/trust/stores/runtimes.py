"""Container runtimes, a row each: the folders in which they keep a registry's CA.

All of them read these folders at each pull, so nothing is restarted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anchorline.fleet.scripts import File
from anchorline.render import render


@dataclass(frozen=True)
class Runtime:
    """One runtime.

    ``folder``
        holds one folder for each name that is typed before ``/image:tag``, and in it the CAs as ``*.crt``. ``~`` in
        front is the home of each user that the spec names.
    ``used``
        what tells that it is in use: one of these commands in the PATH, or a path (``~`` as above) that exists.
    ``socket``
        where it is told apart by one, it has to be there too.
    ``hosts_toml``
        whether it wants the CAs named in a hosts.toml beside them.
    ``rootless``
        whether it reads them as whoever calls it; the daemons of the others are root.
    ``store``
        its name among the spec's stores, where that is another.
    """

    name: str
    folder: str
    used: tuple[str, ...]
    socket: str = ""
    hosts_toml: bool = False
    store: str = ""
    rootless: bool = False

    @property
    def kept_as(self) -> str:
        """What the spec's ``trust: {stores: ...}`` calls it."""
        return self.store or self.name

    @property
    def of_users(self) -> bool:
        """Whether its folder is in a user's home."""
        return self.folder.startswith("~")

    def is_at(self, folder: str) -> bool:
        """Whether a folder is this row's, or the one in a home that it stands for."""
        return folder.endswith(self.folder[1:]) if self.of_users else folder == self.folder

    def files(self, folder: str, site: str, names: Sequence[str], anchors: Sequence[tuple[str, str]]) -> list[File]:
        """The files that make this runtime trust the anchors (file name, PEM) for a registry of these names.

        ``folder`` is the row's own, or the one in a user's home that it stands for.
        """
        files = []
        for name in names:
            here = f"{folder}/{name}"
            files += [File(f"{here}/{anchor}", pem) for anchor, pem in anchors]
            if self.hosts_toml:
                paths = [f"{here}/{anchor}" for anchor, _ in anchors]
                files.append(File(f"{here}/hosts.toml", render("hosts.toml.j2", site=site, name=name, anchors=paths)))
        return files


RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("docker", "/etc/docker/certs.d", used=("dockerd",)),
        Runtime(
            "docker-snap",
            "/var/snap/docker/current/etc/docker/certs.d",
            used=("/var/snap/docker/current",),
            store="docker",
        ),
        Runtime(
            "docker-rootless",
            "~/.config/docker/certs.d",
            used=("~/.local/share/docker", "~/.config/docker"),
            store="docker",
        ),
        Runtime("podman", "/etc/containers/certs.d", used=("podman",), rootless=True),
        Runtime(
            "buildah", "/etc/containers/certs.d", used=("buildah", "skopeo", "crio"), store="podman", rootless=True
        ),
        Runtime(
            "containerd",
            "/etc/containerd/certs.d",
            used=("ctr",),
            socket="/run/containerd/containerd.sock",
            hosts_toml=True,
        ),
    )
}


def runtime_of(folder: str) -> Runtime | None:
    """The runtime that reads a folder which bears a registry's name."""
    return next((row for row in RUNTIMES.values() if row.is_at(folder.rpartition("/")[0])), None)


def in_a_home(path: str) -> bool:
    """Whether a file of a runtime's lies where a user can write what he likes."""
    runtime = runtime_of(path.rpartition("/")[0])
    return bool(runtime and runtime.of_users)


def rows() -> list[str]:
    """The table as probe.sh reads it: a line for each row, its fields parted by spaces, ``-`` for an empty one."""
    return [f"{row.name} {row.folder} {','.join(row.used)} {row.socket or '-'}" for row in RUNTIMES.values()]
