"""Two CAs, two leaves, and what every client makes of each pair: the old root, the new one, both or neither."""

from __future__ import annotations

import pytest

from tests.fleet.certificates import digest
from tests.fleet.clients import JAVA, Client, ask_all
from tests.fleet.conftest import CLIENTS, Site
from tests.fleet.sites import FOLDER
from tests.fleet.verbs import pki

pytestmark = pytest.mark.fleet

Said = dict[Client, tuple[int, str]]
LIMITS = [word for host in CLIENTS for word in ("--limit", host)]


def all_take(said: Said) -> None:
    assert {client: words for client, (code, words) in said.items() if code} == {}


def all_refuse(said: Said) -> None:
    assert [client for client, (code, _) in said.items() if not code] == []
    assert {client: words for client, (_, words) in said.items() if client.refusal not in words} == {}


def serve_old(site: Site) -> None:
    """Put the replaced pair back on the registry's host, as nobody should."""
    for name in ("server.pem", "server-key.pem"):
        text = (site.pki / "previous" / name).read_text()
        done = site.lab.exec("registry", f"cat >{FOLDER}/{name}", input=text)
        assert done.returncode == 0, done.stderr
    assert site.lab.exec("registry", "docker restart registry && sleep 1").returncode == 0


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_stores_against_leaves(site: Site) -> None:
    site.lab.exec("debian", "cat >/tmp/Client.java", input=JAVA)
    site.deploy("--limit", "registry").ok()
    all_refuse(ask_all(site))  # neither root
    site.deploy().ok()
    all_take(ask_all(site))  # the old root, the old leaf
    old = digest(site.pki / "ca.pem")

    assert pki(site, "rotate").returncode == 0
    site.declare(rotation={"without": list(CLIENTS)})
    site.deploy("--limit", "registry").ok()
    all_refuse(ask_all(site))  # the old root, the new leaf
    site.deploy().ok()
    all_take(ask_all(site))  # both roots, the new leaf
    serve_old(site)
    all_take(ask_all(site))  # both roots, the old leaf
    site.lab.exec("debian", "rm /var/lib/anchorline/sites/production/verified")
    verified = site.deploy("--limit", "debian", step="anchorline.verify.clients")
    verified.failed("openssl served: it is served", digest(site.pki / "previous/server.pem"))

    site.deploy("--data", f"ca={old}", *LIMITS, step="anchorline.trust.distrust").ok()
    all_refuse(ask_all(site))  # the new root, the old leaf
    site.deploy().ok()
    all_take(ask_all(site))  # the new root, the new leaf
