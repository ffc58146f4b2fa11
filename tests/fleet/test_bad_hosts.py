"""A bad host fails by itself: the others finish, and the summary has its name and its cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.conftest import Site
from tests.fleet.said import alone, summary
from tests.fleet.verbs import ONCE

pytestmark = pytest.mark.fleet


def say_of(site: Site, host: str, **data: object) -> None:
    """Give a host other data in the inventory."""
    file = site.folder / "inventory/hosts.py"
    entries = "".join(f", {key!r}: {value!r}" for key, value in data.items())
    text = file.read_text()
    line = next(line for line in text.splitlines() if f'("{host}"' in line)
    file.write_text(text.replace(line, line.replace("**_LAB}", f"**_LAB{entries}}}")))


class TestFirstDeploy:
    def test_no_way_in_no_rights_no_room(self, site: Site) -> None:
        site.declare(limits={"failed": "100%"})
        inventory = (site.folder / "inventory/hosts.py").read_text()
        site.lab.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", site.folder / "other"], check=True)
        say_of(site, "debian", ssh_key="other")
        say_of(site, "debian12", ssh_user="oncall", _sudo=True)
        say_of(site, "fedora-layout", ssh_user="ops")
        anchors = "/etc/ca-certificates/trust-source/anchors"
        site.lab.exec("arch-layout", f"mount -t tmpfs -o size=4k,mode=755 x {anchors}; cat /dev/zero >{anchors}/full")
        bad = {
            "debian": ("unreachable", "Authentication error"),
            "debian12": ("failed", "probe: ", "password"),
            "fedora-layout": ("failed", "trust: can't"),
            "arch-layout": ("failed", "trust: can't write", anchors),
        }
        alone(site.deploy(), bad)
        for host in ("debian", "debian12"):
            assert not site.lab.exec(host, "ls /usr/local/share/ca-certificates").stdout
        assert site.lab.exec("arch-layout", f"ls {anchors}").stdout.split() == ["full"]
        site.lab.exec("arch-layout", f"umount {anchors}")
        (site.folder / "inventory/hosts.py").write_text(inventory)
        rows = summary(site.deploy().ok())
        assert all(rows[host].startswith("changed") for host in bad), rows

    def test_down_no_runtime_and_an_update_that_does_nothing(self, site: Site) -> None:
        stop = "systemctl stop docker.socket docker containerd; cd /usr; mv bin/docker sbin/dockerd bin/ctr /root/"
        site.lab.exec("debian", stop)
        site.lab.exec("fedora-layout", "mv /usr/bin/update-ca-trust /root/; ln -s /bin/true /usr/bin/update-ca-trust")
        site.lab.power_off("arch-layout")
        bad = {
            "arch-layout": ("unreachable", "Could not connect"),
            "fedora-layout": ("failed", "tls-ca-bundle.pem doesn't hold"),
        }
        try:
            alone(site.deploy(*ONCE), bad)  # no runtime is no failure
        finally:
            site.lab.power_on("arch-layout")
        assert not site.lab.exec("debian", "ls -d /etc/docker/certs.d").stdout
        site.lab.exec("fedora-layout", "mv -f /root/update-ca-trust /usr/bin/")
        rows = summary(site.deploy().ok())
        assert all(rows[host].startswith("changed") for host in bad), rows

    @pytest.mark.drill
    def test_a_hosts_toml_of_someone_else(self, site: Site) -> None:
        file = "/etc/containerd/certs.d/registry.example.com/hosts.toml"
        site.lab.exec("fedora-layout", f"mkdir -p {Path(file).parent} && echo 'server = \"x\"' >{file}")
        alone(site.deploy(), {"fedora-layout": ("failed", f"{file} is someone else's")})
        assert site.lab.exec("fedora-layout", f"cat {file}").stdout == 'server = "x"\n'


def test_too_many_failures_stop_the_run(site: Site) -> None:
    for host in ("debian", "arch-layout", "fedora-layout"):
        say_of(site, host, ssh_user="oncall", _sudo=True)
    site.deploy().failed("3 of 5 hosts failed", "limits")
    assert not site.pki.exists()
    assert not site.lab.exec("registry", "docker ps -aq").stdout


@pytest.mark.drill
def test_a_registry_host_that_is_down(site: Site) -> None:
    site.lab.power_off("registry")
    try:
        site.deploy(*ONCE).failed("the registry's host registry doesn't answer", "Could not connect")
        assert not site.pki.exists()
        assert not site.lab.exec("debian", "ls /usr/local/share/ca-certificates").stdout
    finally:
        site.lab.power_on("registry")


@pytest.mark.drill
def test_answers_without_an_end(site: Site) -> None:
    """Whoever logs in there has a shell that says too much, or nothing."""
    site.declare(limits={"failed": "100%"})
    shells = {"debian": "exec yes", "arch-layout": "exec cat /dev/zero", "debian12": "exec sleep 90"}
    for host, shell in shells.items():
        made = f"printf '#!/bin/sh\\n{shell}\\n' >/bin/odd && chmod 755 /bin/odd && useradd -m -s /bin/odd odd"
        done = site.lab.exec(host, made)
        assert done.returncode == 0, done.stderr
        say_of(site, host, ssh_user="odd", _timeout=5)
    bad = {
        "debian": ("failed", "its answer is too long (more than 100000 lines)"),
        "arch-layout": ("failed", "its answer is too long (a line of more than 64 KiB)"),
        "debian12": ("failed", "no answer within 5 s"),
    }
    alone(site.deploy(), bad)


def test_round_trips(site: Site, counting: Path) -> None:
    """One exec for a host with nothing to do, two for a client at its first rollout: as root, and through sudo."""

    def counted(*options: str, step: str = "deploy.py") -> dict[str, int]:
        file = counting / "counted"
        file.write_text("")
        environment = {"PYTHONPATH": str(counting), "COUNTED": str(file)}
        done = site.run_anew("-y", *options, "inventory", step, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        lines = file.read_text().split()
        return {address: lines.count(address) for address in lines}

    everyone = {"192.0.2.10", "192.0.2.21", "192.0.2.22", "192.0.2.23", "192.0.2.24"}
    as_ops = ("--ssh-user", "ops", "--sudo")
    assert counted(*as_ops, step="anchorline.trust.rollout") == dict.fromkeys(everyone, 2)
    first = counted()
    assert all(first[address] == 2 for address in everyone - {"192.0.2.10"}), first  # the probe, and the verification
    assert counted(*as_ops) == dict.fromkeys(everyone, 1)
