"""The doctor: a lab broken in one way after another, each named with its cause, each fixed by the command shown."""

from __future__ import annotations

import shlex
import shutil

import pytest

from anchorline.registry import distribution
from anchorline.spec import load
from tests.fleet.breaks import NAME, OTHER
from tests.fleet.conftest import HOSTS, Result, Site, eventually
from tests.fleet.said import fix, summary

pytestmark = pytest.mark.fleet

PROXY = (
    "mkdir -p /etc/systemd/system/docker.service.d && "
    "printf '[Service]\\nEnvironment=HTTPS_PROXY=http://u:p@192.0.2.99:3128\\n' "
    ">/etc/systemd/system/docker.service.d/proxy.conf && systemctl daemon-reload && systemctl restart docker"
)
DROP = (
    "nft add table inet mine && nft 'add chain inet mine out { type filter hook output priority 0; }' && "
    "nft add rule inet mine out tcp dport 443 drop"
)
BREAKS = {
    "the name": (
        "debian",
        "sed -i '/# anchorline production$/d' /etc/hosts",
        f"{NAME} doesn't resolve, and /etc/hosts lacks its line",
    ),
    "the address": (
        "debian",
        f"sed -i '1i 192.0.2.22 {NAME}' /etc/hosts",
        f"{NAME} resolves to 192.0.2.22, not to 192.0.2.10",
    ),
    "a firewall": ("arch-layout", DROP, "a rule of this host's firewall keeps it from 192.0.2.10 port 443"),
    "the registry": ("registry", "docker stop -t 1 registry", "nothing listens at 192.0.2.10 port 443"),
    "a proxy": ("debian", PROXY, "docker asks the proxy 192.0.2.99:3128"),
    "the certificate": ("registry", OTHER, "was issued by Intruder, not by the site's CA"),
    "the system's store": (
        "fedora-layout",
        "rm /etc/pki/ca-trust/source/anchors/anchorline-* && update-ca-trust",
        "the system's store lacks the CA",
    ),
    "an anchor": (
        "debian",
        "echo x >>$(echo /usr/local/share/ca-certificates/anchorline-production-*)",
        "the system's store holds an anchor of the site that was altered",
    ),
    "a runtime's store": ("debian", "rm -r /etc/docker/certs.d", f"docker's own store lacks the CA for {NAME}"),
    "a folder": (
        "arch-layout",
        f"chown ops /etc/containers/certs.d/{NAME} && chmod 700 /etc/containers/certs.d/{NAME}",
        f"users can't list /etc/containers/certs.d/{NAME}, mode 700 of ops",
    ),
    "the way to a folder": (
        "arch-layout",
        "chmod 750 /etc/containers",
        "users can't go through /etc/containers, mode 750 of root",
    ),
    "the bundle's mode": (
        "debian",
        "chmod 640 /etc/ssl/certs/ca-certificates.crt",
        "users can't read /etc/ssl/certs/ca-certificates.crt, mode 640 of root",
    ),
    "an anchor's mode": (
        "fedora-layout",
        "chmod 600 /etc/pki/ca-trust/source/anchors/anchorline-production-*",
        "users can't read /etc/pki/ca-trust/source/anchors/anchorline-production-",
    ),
    "the runtime": ("debian", "systemctl stop docker.socket docker.service", "docker doesn't answer"),
}


def look(site: Site, *options: str) -> Result:
    return site.deploy(*options, step="anchorline.verify.doctor")


def without_keys(site: Site) -> Result:
    """The doctor on a copy of the site that has ca.pem alone."""
    other = site.folder / "colleague"
    shutil.rmtree(other, ignore_errors=True)
    other.mkdir()
    copy = Site(other, site.lab)
    copy.pki.mkdir(parents=True)
    shutil.copy(site.pki / "ca.pem", copy.pki)
    return look(copy)


def test_a_fleet_that_is_well(deployed: Site) -> None:
    before = sorted(path.stat().st_mtime_ns for path in deployed.pki.rglob("*"))
    for result in (look(deployed).ok(), without_keys(deployed).ok()):
        assert not result.changed
        assert all(summary(result)[host].startswith("verified") for host in HOSTS), str(result)
    assert sorted(path.stat().st_mtime_ns for path in deployed.pki.rglob("*")) == before
    plan = deployed.run("--dry", "inventory", "anchorline.verify.doctor")
    assert plan.returncode == 0, plan.stderr


@pytest.mark.drill
@pytest.mark.parametrize("what", BREAKS)
def test_the_cause_and_the_command_that_fixes_it(deployed: Site, what: str) -> None:
    host, breaking, cause = BREAKS[what]
    done = deployed.lab.exec(host, breaking)
    assert done.returncode == 0, done.stderr
    first = look(deployed).failed(cause)
    line = summary(first)[host]
    assert line.startswith("failed"), str(first)
    assert cause in line
    where, command = fix(first, host)
    if where == "on the host":
        assert deployed.lab.exec(host, command).returncode == 0, command
    else:
        words = shlex.split(command)
        assert words[0] == "pyinfra"
        fixed = deployed.run(*words[1:])
        assert fixed.returncode == 0, fixed.stderr
    result = look(deployed)
    assert result.code == 0, f"after {command}\n{result}"


@pytest.mark.drill
def test_a_registry_that_may_not_read_its_key(deployed: Site) -> None:
    """By hand in a container whose user isn't root: first the key, then the images, are given to that user."""
    served = distribution.service(load(deployed.folder / "anchorline.yml")).registry
    assert served
    arguments = [each.replace("@Z", "") for each in served.create]
    run = shlex.join(["docker", "run", "--detach", "--name=registry", "--user=65534", *arguments])
    assert deployed.lab.exec("registry", f"docker rm -f registry && {run}").returncode == 0
    try:
        causes = []
        for _ in range(2):
            sick = look(deployed).failed()
            causes.append(summary(sick)["registry"])
            where, command = fix(sick, "registry")
            assert where == "on the host"
            assert deployed.lab.exec("registry", command).returncode == 0, command
        assert f"the registry (user 65534:0) can't list {served.folder}, mode 700 of root" in causes[0]
        assert f"can't write to {served.writable}, mode 755 of root" in causes[1]
        eventually(lambda: deployed.lab.exec("registry", f"curl -sS https://{NAME}/v2/").returncode == 0)
        look(deployed).ok()
    finally:
        back = f"docker rm -f registry; chown -R 0:0 {served.folder} {served.writable}"
        deployed.lab.exec("registry", back)
        deployed.deploy().ok()


def test_a_password_that_the_doctor_sees_is_not_shown(deployed: Site) -> None:
    """A proxy's password stands in a file of others that the probe reads."""
    line = "https_proxy=http://me:hunter2@192.0.2.99:3128"
    deployed.lab.exec("debian", f"cp -p /etc/environment /root/environment; echo {line} >>/etc/environment")
    try:
        loud = deployed.run("-y", "-vvv", "--debug", "inventory", "anchorline.verify.doctor")
        said = loud.stdout + loud.stderr
        assert "asks the proxy 192.0.2.99:3128" in " ".join(said.split())
        assert ">>> " in said, "or it isn't loud, and this proves nothing"
        assert "hunter2" not in said
    finally:
        deployed.lab.exec("debian", "mv /root/environment /etc/environment")


def test_a_clock_that_is_off(deployed: Site) -> None:
    """The clock of all lab hosts is this machine's, so the command that tells it is what is off."""
    lie = '#!/bin/sh\n[ "$1" = +%s ] && echo 1000000000 || exec /usr/bin/date "$@"\n'
    deployed.lab.exec("debian", "cat >/usr/local/bin/date; chmod +x /usr/local/bin/date", input=lie)
    try:
        wrong = look(deployed).failed()
        assert "the clock says 2001-09-09 01:46 UTC" in summary(wrong)["debian"]
        where, command = fix(wrong, "debian")
        assert where == "here"
        assert command.endswith("inventory exec -- date -u -s @$(date +%s)")
    finally:
        deployed.lab.exec("debian", "rm /usr/local/bin/date")
    look(deployed).ok()


@pytest.mark.hosts("registry", "debian")
def test_no_ca_is_no_diagnosis(site: Site) -> None:
    look(site).failed("has no CA, so there is nothing to hold a host against: deploy first")


@pytest.mark.drill
def test_a_daemon_that_began_before_where_its_store_is_not_kept(site: Site) -> None:
    site.declare(trust={"stores": ["system"]})
    site.deploy(step="anchorline.trust.rollout").ok()
    first = look(site)
    assert first.code == 1
    site.deploy().ok()
    old = look(site).failed()
    assert "docker.service began before the CA came, and holds the old roots" in summary(old)["debian"]
    assert fix(old, "debian") == ("on the host", "systemctl restart docker")
    for host in ("debian", "registry"):
        site.lab.exec(host, "systemctl restart docker")
    site.lab.exec("fedora-layout", "systemctl restart containerd")
    look(site).ok()
