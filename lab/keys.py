"""The SSH keys of the lab: one for whoever comes, one for each host, made once and kept in the cache."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab.cache import artefact
from lab.hosts import BROUGHT, HOSTS

# All that are brought share one host key: whoever knew the lab before one came knows it too.
NAMES = ("id", *(host.name for host in HOSTS), "brought")


def keys() -> Path:
    """The folder with `id_ed25519`, each host's `HOST_ed25519`, their public halves, and `known_hosts`."""
    return artefact("keys", (*NAMES, *BROUGHT), build)


def build(folder: Path) -> None:
    for name in NAMES:
        key = folder / f"{name}_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab {name}", "-f", key], check=True)
    places = {**{host.name: f"{host.name},{host.address}" for host in HOSTS}, "brought": ",".join(BROUGHT)}
    known = (f"{place} {(folder / f'{name}_ed25519.pub').read_text()}" for name, place in places.items())
    (folder / "known_hosts").write_text("".join(known))
