"""The main job: before it no client can pull, after it each can, and without our anchors none can again."""

from __future__ import annotations

import pytest

from tests.fleet.conftest import CLIENTS, HOSTS, Site
from tests.fleet.pulls import UNTRUSTED, each_way
from tests.fleet.unchanged import fingerprint

pytestmark = pytest.mark.fleet


def anchors(site: Site, host: str) -> list[str]:
    found = site.lab.exec(host, "find /etc /usr/local/share -name 'anchorline-*' -o -path '*certs.d*' -name hosts.toml")
    return found.stdout.split()


def untrust(site: Site, host: str) -> None:
    site.lab.exec(host, f"rm -f {' '.join(anchors(site, host))}")
    update = {"arch-layout": "update-ca-trust", "fedora-layout": "update-ca-trust"}.get(
        host, "update-ca-certificates --fresh"
    )
    assert site.lab.exec(host, update).returncode == 0
    if host == "debian":
        # a Go process keeps the roots that it loaded at its first handshake until it ends
        assert site.lab.exec(host, "systemctl restart docker").returncode == 0


@pytest.mark.drill
def test_before_after_and_without(site: Site) -> None:
    site.deploy().ok()
    for host in CLIENTS:
        after = each_way(site, host)
        assert all(ok for _, _, ok, _ in after), after
        untrust(site, host)
        without = each_way(site, host)
        assert all(not ok and any(word in said for word in UNTRUSTED) for _, _, ok, said in without), without
    site.deploy().ok()
    for host in CLIENTS:
        again = each_way(site, host)
        assert all(ok for _, _, ok, _ in again), again


def test_the_same_again_changes_nothing(deployed: Site) -> None:
    before = fingerprint(deployed)
    result = deployed.deploy().ok()
    assert not result.changed, str(result)
    assert fingerprint(deployed) == before
    assert deployed.run("--dry", "inventory", "deploy.py").returncode == 0
    assert fingerprint(deployed) == before


@pytest.mark.drill  # test_clients.py has the same for each kind of client
def test_clients_before_the_rollout_are_refused(site: Site) -> None:
    """The negative control: the registry serves, but the rollout hasn't come to the clients."""
    site.deploy("--limit", "registry").ok()
    for host in CLIENTS:
        assert not anchors(site, host)
        site.lab.exec(host, "echo '192.0.2.10 registry.example.com' >>/etc/hosts")
        before = each_way(site, host)
        assert all(not ok and any(word in said for word in UNTRUSTED) for _, _, ok, said in before), before
    site.deploy().ok()
    for host in CLIENTS:
        after = each_way(site, host)
        assert all(ok for _, _, ok, _ in after), after


@pytest.mark.drill
def test_another_port(site: Site) -> None:
    """Names with a port: as people type them, in every store that is keyed by name."""
    site.declare(registry={"address": "registry.example.com:5000", "listen": "0.0.0.0:5000"}, verify={"push": "all"})
    result = site.deploy().ok()
    assert all(f"{runtime} pushed, pulled" in result.err for runtime in ("docker", "podman", "containerd"))
    tags = site.lab.exec("debian", "curl -sS https://registry.example.com:5000/v2/anchorline/verify/tags/list").stdout
    assert '"tags":null' in tags, "each client deletes what it pushed for itself"
    assert not site.deploy().ok().changed
    site.declare(verify={"push": "none"})
    for host in CLIENTS:
        site.lab.exec(host, "rm /var/lib/anchorline/sites/production/verified")
    result = site.deploy().ok()
    assert all(f"{runtime} reached" in result.err for runtime in ("docker", "podman", "containerd", "curl"))


def test_a_refused_prompt(site: Site) -> None:
    """At a terminal: the plan is shown, the answer is no, nothing is left behind."""
    typed = "script -qec '{}' /dev/null <<END\nno\nEND".format(" ".join(site.command("inventory", "deploy.py")))
    done = site.lab.run(["sh", "-c", typed], cwd=site.folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stdout
    plan = site.run("--dry", "inventory", "deploy.py")
    assert plan.returncode == 0, plan.stderr
    for operation in ("Authority | Write ca, server", "Trust | Keep the trust stores", "Registry | Run the registry"):
        assert operation in done.stdout
        assert operation in plan.stderr
    assert not site.pki.exists()
    for host in HOSTS:
        assert not site.lab.exec(host, "find /etc /usr/local/share /var/lib/anchorline -name '*anchorline*'").stdout
