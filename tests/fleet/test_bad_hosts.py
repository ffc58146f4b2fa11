"""One bad host fails by itself: the others finish, and the summary has its name and its cause."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fleet.conftest import HOSTS, Result, Site

pytestmark = pytest.mark.fleet

ONCE = ("--data", "ssh_connect_retries=0")  # a host that is down takes its time to be given up


def summary(result: Result) -> dict[str, str]:
    """The summary's line of each host."""
    lines = (line.split(maxsplit=1) for line in result.err.splitlines())
    return {words[0]: words[1] for words in lines if len(words) == 2 and words[0] in HOSTS}


def alone(result: Result, host: str, state: str, *words: str) -> None:
    """That host, and no other, is in this state for this cause; the run ended with 1."""
    result.failed()
    rows = summary(result)
    assert rows[host].startswith(state), str(result)
    for word in words:
        assert word in rows[host], rows
    assert all(rows[other].startswith(("changed", "as declared")) for other in HOSTS if other != host), rows


def say_of(site: Site, host: str, **data: object) -> None:
    """Give a host other data in the inventory."""
    file = site.folder / "inventory/hosts.py"
    entries = "".join(f", {key!r}: {value!r}" for key, value in data.items())
    text = file.read_text()
    line = next(line for line in text.splitlines() if f'("{host}"' in line)
    file.write_text(text.replace(line, line.replace("**_LAB}", f"**_LAB{entries}}}")))


class TestFirstDeploy:
    def test_down(self, site: Site) -> None:
        site.lab.power_off("arch-layout")
        try:
            alone(site.deploy(*ONCE), "arch-layout", "unreachable", "Could not connect")
        finally:
            site.lab.power_on("arch-layout")
        assert summary(site.deploy().ok())["arch-layout"].startswith("changed")

    def test_refuses_the_key(self, site: Site) -> None:
        site.lab.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", site.folder / "other"], check=True)
        say_of(site, "debian", ssh_key="other")
        alone(site.deploy(), "debian", "unreachable", "Authentication error")

    def test_sudo_wants_a_password(self, site: Site) -> None:
        say_of(site, "debian", ssh_user="oncall", _sudo=True)
        alone(site.deploy(), "debian", "failed", "look: ", "password")
        assert not site.lab.exec("debian", "ls /usr/local/share/ca-certificates").stdout

    def test_no_rights(self, site: Site) -> None:
        say_of(site, "fedora-layout", ssh_user="ops")
        alone(site.deploy(), "fedora-layout", "failed", "trust: can't")

    def test_a_full_disk(self, site: Site) -> None:
        folder = "/etc/ca-certificates/trust-source/anchors"
        site.lab.exec("arch-layout", f"mount -t tmpfs -o size=4k none {folder}; cat /dev/zero >{folder}/full")
        try:
            alone(site.deploy(), "arch-layout", "failed", "trust: can't write", folder)
            assert site.lab.exec("arch-layout", f"ls {folder}").stdout.split() == ["full"]
        finally:
            site.lab.exec("arch-layout", f"umount {folder}")
        site.deploy().ok()

    def test_an_update_that_does_nothing(self, site: Site) -> None:
        site.lab.exec("fedora-layout", "mv /usr/bin/update-ca-trust /root/; ln -s /bin/true /usr/bin/update-ca-trust")
        alone(site.deploy(), "fedora-layout", "failed", "tls-ca-bundle.pem doesn't hold")
        site.lab.exec("fedora-layout", "mv -f /root/update-ca-trust /usr/bin/")
        site.deploy().ok()

    def test_no_runtime_is_no_failure(self, site: Site) -> None:
        site.lab.exec(
            "debian",
            "systemctl stop docker.socket docker containerd; cd /usr; mv bin/docker sbin/dockerd bin/ctr /root/",
        )
        result = site.deploy().ok()
        assert summary(result)["debian"].startswith("changed")
        assert not site.lab.exec("debian", "ls -d /etc/docker/certs.d").stdout

    def test_a_hosts_toml_of_someone_else(self, site: Site) -> None:
        file = "/etc/containerd/certs.d/registry.example.com/hosts.toml"
        site.lab.exec("fedora-layout", f"mkdir -p {Path(file).parent} && echo 'server = \"x\"' >{file}")
        alone(site.deploy(), "fedora-layout", "failed", f"{file} is someone else's")
        assert site.lab.exec("fedora-layout", f"cat {file}").stdout == 'server = "x"\n'


def test_too_many_failures_stop_the_run(site: Site) -> None:
    for host in ("debian", "arch-layout", "fedora-layout"):
        say_of(site, host, ssh_user="oncall", _sudo=True)
    site.deploy().failed("3 of 5 hosts failed", "limits")
    assert not site.pki.exists()
    assert not site.lab.exec("registry", "docker ps -aq").stdout


def test_a_registry_host_that_is_down(site: Site) -> None:
    site.lab.power_off("registry")
    try:
        site.deploy(*ONCE).failed("the registry's host registry doesn't answer", "Could not connect")
        assert not site.pki.exists()
        assert not site.lab.exec("debian", "ls /usr/local/share/ca-certificates").stdout
    finally:
        site.lab.power_on("registry")


@pytest.fixture
def counting(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH that has each exec over SSH counted, in a file, by host."""
    folder = tmp_path / "counting"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import os, paramiko\n"
        "real = paramiko.Channel.exec_command\n"
        "def exec_command(self, command):\n"
        "    with open(os.environ['COUNTED'], 'a') as file:\n"
        "        print(self.get_transport().getpeername()[0], file=file)\n"
        "    return real(self, command)\n"
        "paramiko.Channel.exec_command = exec_command\n"
    )
    return folder


def test_round_trips(site: Site, counting: Path) -> None:
    """One exec for a host with nothing to do, two for a client at its first rollout: as root, and through sudo."""

    def counted(*options: str, step: str = "deploy.py") -> dict[str, int]:
        file = counting / "counted"
        file.write_text("")
        done = site.run(
            "-y", *options, "inventory", step, env={**os.environ, "PYTHONPATH": str(counting), "COUNTED": str(file)}
        )
        assert done.returncode == 0, done.stdout + done.stderr
        lines = file.read_text().split()
        return {address: lines.count(address) for address in lines}

    everyone = {"192.0.2.10", "192.0.2.21", "192.0.2.22", "192.0.2.23", "192.0.2.24"}
    as_ops = ("--ssh-user", "ops", "--sudo")
    assert counted(step="anchorline.trust.rollout") == dict.fromkeys(everyone, 2)
    first = counted()
    assert all(first[address] == 2 for address in everyone - {"192.0.2.10"}), first  # the look, and the proof
    assert counted() == dict.fromkeys(everyone, 1)
    assert counted(*as_ops) == dict.fromkeys(everyone, 1)
    site.lab.up(fresh=True)
    assert counted(*as_ops, step="anchorline.trust.rollout") == dict.fromkeys(everyone, 2)
    assert counted(*as_ops)
    assert counted(*as_ops) == dict.fromkeys(everyone, 1)
