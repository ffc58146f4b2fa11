"""Container runtimes, a row each: where they keep a registry's CA.

All three read these folders at each pull, so nothing is restarted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anchorline.fleet.shell import File
from anchorline.render import render


@dataclass(frozen=True)
class Runtime:
    """One runtime.

    ``folder``
        holds one folder for each name that is typed before ``/image:tag``, and in it the CAs as ``*.crt``.
    ``tool``
        the command without which it isn't there; ``socket``, where it is told apart by one, has to be there too.
    ``hosts_toml``
        whether it wants the CAs named in a hosts.toml beside them.
    ``rootless``
        whether it reads them as whoever calls it; the daemons of the others are root.
    """

    name: str
    folder: str
    tool: str
    socket: str = ""
    hosts_toml: bool = False
    rootless: bool = False

    def files(self, site: str, names: Sequence[str], anchors: Sequence[tuple[str, str]]) -> list[File]:
        """The files that make this runtime trust the anchors (file name, PEM) for a registry of these names."""
        files = []
        for name in names:
            folder = f"{self.folder}/{name}"
            files += [File(f"{folder}/{anchor}", pem) for anchor, pem in anchors]
            if self.hosts_toml:
                paths = [f"{folder}/{anchor}" for anchor, _ in anchors]
                files.append(File(f"{folder}/hosts.toml", render("hosts.toml.j2", site=site, name=name, anchors=paths)))
        return files


RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("docker", "/etc/docker/certs.d", tool="dockerd"),
        Runtime("podman", "/etc/containers/certs.d", tool="podman", rootless=True),
        Runtime(
            "containerd",
            "/etc/containerd/certs.d",
            tool="ctr",
            socket="/run/containerd/containerd.sock",
            hosts_toml=True,
        ),
    )
}
