"""Processes that ran through the rollout: who holds the old roots is named, with what refreshes it."""

from __future__ import annotations

import shlex
import sys

import pytest

from anchorline.fleet import words
from anchorline.fleet.scripts import script
from anchorline.trust.processes.stale import HASHED, PROC, STAMPS, Process, read
from tests.fleet.certificates import other_ca
from tests.fleet.conftest import Site, eventually
from tests.fleet.said import summary
from tests.fleet.verbs import WITHDRAW

pytestmark = pytest.mark.fleet

ALONE = ("--limit", "debian", "--limit", "registry")
STATE = f"{STAMPS}/production"
SERVER = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a -days 2 "
    "-keyout /root/a.key -out /root/a.pem 2>/dev/null; systemd-run --quiet --unit=tls-server "
    "openssl s_server -accept 4433 -cert /root/a.pem -key /root/a.key -CApath /etc/ssl/certs -Verify 1"
)


def scan(site: Site, host: str, before: str = "") -> dict[str, Process]:
    """What the host's own shell finds, by the programs' names."""
    text = script("trust/processes/stale.sh", proc=PROC, stamps=STATE, hashed=HASHED) + before + "\nstale\n"
    done = site.lab.exec(host, "sh", input=text)
    assert (done.returncode, done.stderr) == (0, "")
    return {each.name: each for each in read(words.read(done.stdout.splitlines()).get("stale", ()))}


@pytest.mark.drill
@pytest.mark.hosts("registry", "debian", "arch-layout", "fedora-layout")
def test_who_ran_through_the_rollout(site: Site) -> None:
    assert site.lab.exec("debian", SERVER).returncode == 0
    eventually(lambda: "openssl" in site.lab.exec("debian", "cat /proc/[0-9]*/comm").stdout)
    second = other_ca(site, "second")
    site.declare(trust={"also": ["second.pem"]})
    first = summary(site.deploy().ok())
    assert "docker.service (systemctl restart docker; pulls from our registry go on without)" in first["debian"]
    assert "containerd.service (systemctl restart containerd" in first["fedora-layout"]
    assert "old roots" not in first["arch-layout"], "podman has no daemon"
    found = scan(site, "debian")
    assert {"dockerd", "containerd"} <= set(found)
    assert not {"sshd", "sshd-session", "systemd", "openssl"} & set(found)

    # the second run says it again and changes nothing; after the restart it is silent
    again = site.deploy(*ALONE).ok()
    assert not again.changed
    assert "systemctl restart docker" in summary(again)["debian"]
    assert site.lab.exec("debian", f"{found['dockerd'].command} && {found['containerd'].command}").returncode == 0
    assert "old roots" not in summary(site.deploy(*ALONE).ok())["debian"]

    # after a removal OpenSSL is named as well, with its unit
    site.declare(trust={"also": []})
    site.deploy("--data", f"ca={second}", *ALONE, step=WITHDRAW).ok()
    found = scan(site, "debian")
    assert {"dockerd", "openssl"} <= set(found)
    assert found["openssl"].command == "systemctl restart tls-server"
    assert not {"sshd", "sshd-session", "systemd"} & set(found)
    last = summary(site.deploy(*ALONE).ok())["debian"]
    assert "with a root that was removed: " in last
    assert "docker.service (systemctl restart docker" in last
    assert "tls-server.service (systemctl restart tls-server)" in last


def test_a_container_stands_apart(deployed: Site) -> None:
    inside = deployed.lab.exec("registry", "docker inspect --format '{{.State.Pid}}' registry").stdout.strip()
    text = (
        script("trust/processes/stale.sh", proc=PROC, stamps="/tmp", hashed=HASHED) + f"stamp add {'0' * 64}\nstale\n"
    )
    lines = deployed.lab.exec("registry", f"sh -c {shlex.quote(text)}; rm /tmp/changed").stdout.splitlines()
    [line] = [line for line in lines if line.startswith(f"stale {inside} ")]
    assert line.split()[2:5] == ["add", "container", "go"]
    [inner] = read([(*line.split()[1:6], "app")])
    assert len(inner.container) == len("app ") + 12


def test_three_hundred_processes(deployed: Site) -> None:
    """The scan finds the one among many, and its time is printed."""
    many = "for i in $(seq 300); do sleep 300 & done; wait"
    unit = f"systemd-run --quiet --unit=many sh -c {shlex.quote(many)}"
    assert deployed.lab.exec("debian", unit).returncode == 0
    cgroup = "/sys/fs/cgroup/system.slice/many.service/cgroup.procs"
    eventually(lambda: deployed.lab.exec("debian", f"wc -l <{cgroup}").stdout.strip() == "301")
    text = script("trust/processes/stale.sh", proc=PROC, stamps="/tmp", hashed=HASHED)
    timed = (
        f"{text}stamp add {'0' * 64}\na=$(date +%s%N)\nstale >/tmp/stale\nb=$(date +%s%N)\n"
        "echo $(((b - a) / 1000000)) $(ls -d /proc/[0-9]* | wc -l) $(wc -l </tmp/stale); cat /tmp/stale"
    )
    try:
        done = [deployed.lab.exec("debian", "sh", input=timed).stdout for _ in range(5)]
    finally:
        deployed.lab.exec("debian", "systemctl stop many; rm -f /tmp/stale /tmp/changed")
    sys.stderr.write(f"ms, processes, found: {[each.splitlines()[0] for each in done]}\n")
    assert all(int(each.split()[1]) > 300 and int(each.split()[2]) < 10 for each in done)
    assert all(" dockerd\n" in each and " sleep\n" not in each for each in done)
