"""Two sites on the same hosts."""

from __future__ import annotations

from pathlib import Path

from tests.fleet.conftest import Site

OURS, THEIRS = "registry.example.com", "staging.example.com:5000"
FOLDER = "/var/lib/anchorline/sites/production/registry"
"""What the registry's host has of the site's registry."""
LOCAL = {
    "mode": "local",
    "address": "localhost:5000",
    "listen": "127.0.0.1:5000",
    "certificate": None,
    "aliases": None,
    "hosts_entry": None,
}
"""The registry of a site in local mode, beside what the lab's spec has."""


def staging(site: Site, folder: Path) -> Site:
    """Another site, with a CA and a registry of its own on the same hosts."""
    folder.mkdir()
    other = Site(folder, site.lab, site.hosts)
    host = THEIRS.partition(":")[0]
    other.declare(
        site="staging",
        authority={"CN": "Staging CA"},
        certificates={"server": {"CN": host, "hosts": [host]}},
        registry={
            "address": THEIRS,
            "aliases": None,
            "listen": "0.0.0.0:5000",
            "name": "staging",
            "data": "/var/lib/anchorline/staging",
        },
    )
    other.pki = folder / "pki" / "staging"
    return other
