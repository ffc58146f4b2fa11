"""The main job: before it no client can pull, after it each can, and without our anchors none can again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.conftest import CLIENTS, HOSTS, Site, on_registry

pytestmark = pytest.mark.fleet

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


def each_way(site: Site, host: str) -> list[tuple[str, str, bool, str]]:
    """By each name and each program: whether it could pull, and what it said."""
    commands = [PULL[host], CURL] if host in PULL else [CURL]
    return [(name, command.split()[0], *pull(site, host, command, name)) for name in NAMES for command in commands]


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


def fingerprint(site: Site) -> dict[str, object]:
    """What a deploy that has nothing to do must leave as it is."""
    bundles = {
        host: site.lab.exec(
            host,
            "stat -c '%n %i %Y' $(readlink -f /etc/ssl/certs/ca-certificates.crt); "
            "find /etc/docker /etc/containers/certs.d /etc/containerd /var/lib/anchorline/sites -newermt '2000-01-01' "
            "-printf '%p %i %T@\\n' 2>/dev/null | sort; cat /etc/hosts",
        ).stdout
        for host in HOSTS
    }
    container = on_registry(site, "docker inspect --format '{{.Id}} {{.State.StartedAt}}' registry")
    return {"container": container, **bundles, **times(site.folder / "pki")}


def times(folder: Path) -> dict[str, object]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in sorted(folder.rglob("*"))}


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
