"""Pulls by each name of the registry, and by each program of a client."""

from __future__ import annotations

from tests.fleet.conftest import Site

# how a person on the client pulls what the fleet's verification left in the registry, for each of its ways in
NAMES = ("registry.example.com", "registry.example.com:443", "192.0.2.10", "192.0.2.10:443")
IMAGE = "anchorline/verify:production-all"
PULL = {
    "debian": "docker pull {name}/{image} && docker image rm {name}/{image}",
    "arch-layout": "podman pull --retry 0 {name}/{image} && podman image rm {name}/{image}",
    "fedora-layout": "ctr i pull --hosts-dir /etc/containerd/certs.d {name}/{image} && ctr i rm {name}/{image}",
}
CURL = "curl -sS --fail https://{name}/v2/"
UNTRUSTED = ("unknown authority", "unable to get local issuer", "self-signed", "self signed")


def pull(site: Site, host: str, command: str, name: str) -> tuple[bool, str]:
    done = site.lab.exec(host, command.format(name=name, image=IMAGE), timeout=60)
    return done.returncode == 0, done.stdout + done.stderr


def each_way(site: Site, host: str) -> list[tuple[str, str, bool, str]]:
    """By each name and each program: whether it could pull, and what it said."""
    commands = [PULL[host], CURL] if host in PULL else [CURL]
    return [(name, command.split()[0], *pull(site, host, command, name)) for name in NAMES for command in commands]
