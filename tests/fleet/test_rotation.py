"""A CA is rotated over the fleet: both are trusted, the gate waits for everyone, the old one is withdrawn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from lab import Lab
from tests.fleet.certificates import certificate, digest
from tests.fleet.conftest import Site
from tests.fleet.verbs import ONCE, WITHDRAW, pki

pytestmark = pytest.mark.fleet

OFF = "debian12"


def served(site: Site) -> str:
    """SHA-256 of the certificate that a client gets."""
    ask = "openssl s_client -connect registry.example.com:443 </dev/null 2>/dev/null | openssl x509 -outform der"
    said = site.lab.exec("debian", f"{ask} | sha256sum")
    return str(said.stdout).split()[0]


def trusting(site: Site, file: Path) -> list[str]:
    """The hosts whose system's store has this CA."""
    command = f"openssl verify -partial_chain <<'PEM'\n{file.read_text()}PEM\n"
    return [host for host in site.hosts if site.lab.exec(host, command).returncode == 0]


@pytest.mark.hosts("registry", "debian", OFF)
def test_a_rotation(site: Site, lab: Lab) -> None:
    site.deploy().ok()
    present, key = digest(site.pki / "ca.pem"), (site.pki / "ca-key.pem").read_bytes()
    leaf = served(site)

    assert pki(site, "rotate").returncode == 0
    twice = pki(site, "rotate")
    assert (twice.returncode, "a rotation stands already" in twice.stderr) == (1, True), twice.stderr
    following = digest(site.pki / "next/ca.pem")
    assert trusting(site, site.pki / "next/ca.pem") == []

    # one host is away, and the gate waits for it
    lab.power_off(OFF)
    site.deploy(*ONCE).failed("blocked, 1 of 3 hosts", OFF, "it can't be reached", "goes on to serve")
    assert (digest(site.pki / "ca.pem"), served(site)) == (present, leaf)
    assert (site.pki / "ca-key.pem").read_bytes() == key
    ledger = [json.loads(line) for line in (site.pki / "sightings.jsonl").read_text().splitlines()]
    assert {each["host"] for each in ledger if each["seen"]} == {*site.hosts} - {OFF}
    assert {each["host"]: each["why"] for each in ledger if not each["seen"]} == {OFF: "it can't be reached"}
    shown = pki(site, "show").stdout
    assert "2 of 3 hosts" in shown, shown
    site.deploy("--data", f"ca={present}", "--limit", "registry", step=WITHDRAW).failed("still declares")
    lab.power_on(OFF)

    # a part of the fleet is seen, and the ledger has the others: the gate opens
    site.deploy("--limit", OFF, "--limit", "registry").ok()
    assert (digest(site.pki / "ca.pem"), digest(site.pki / "previous/ca.pem")) == (following, present)
    assert (site.pki / "previous/ca-key.pem").read_bytes() == key
    assert not (site.pki / "next").exists()
    assert served(site) == digest(site.pki / "server.pem") != leaf
    assert certificate(site.pki / "server.pem").issuer == certificate(site.pki / "ca.pem").subject
    site.deploy().ok()
    assert not site.deploy().ok().changed
    assert trusting(site, site.pki / "previous/ca.pem") == trusting(site, site.pki / "ca.pem") == list(site.hosts)
    again = pki(site, "rotate")
    assert (again.returncode, "isn't over" in again.stderr) == (1, True), again.stderr

    # the old one goes for good
    old = site.pki / "retired" / present[:12] / "ca.pem"
    site.deploy("--data", f"ca={present[:12]}", step=WITHDRAW).ok()
    assert old.with_name("ca-key.pem").read_bytes() == key
    assert trusting(site, old) == []
    site.deploy().ok()
    assert not site.deploy().ok().changed
    assert trusting(site, old) == []
    assert pki(site, "rotate").returncode == 0


# each client by its own means: pull, remove, push its own tag; a line for each with what came of it
WORK = {
    "debian": (
        "docker pull -q {base} && docker tag {base} {own}",
        "docker push -q {own}",
        "docker image rm {base} {own}",
    ),
    "arch-layout": (
        "podman pull -q {base} && podman tag {base} {own}",
        "podman push -q {own}",
        "podman image rm {base} {own}",
    ),
    "fedora-layout": (
        "ctr images pull --hosts-dir /etc/containerd/certs.d {base} && ctr images tag --force {base} {own}",
        "ctr images push --hosts-dir /etc/containerd/certs.d {own}",
        "ctr images rm --sync {base} {own}",
    ),
    OFF: ("curl -sS --fail https://registry.example.com/v2/load/base/tags/list", "true", "true"),
}
LOOP = """
try() {{
    began=$(date +%s%N)
    if said=$(eval "$1" 2>&1); then kind=well; else
        case $said in
            *x509* | *certificate* | *tls*) kind=trust ;;
            *refused*) kind=refused ;;
            *) kind=broken ;;
        esac
    fi
    echo "$kind $((($(date +%s%N) - began) / 1000000)) $(echo "$said" | tail -n 1)"
}}
end=$(($(date +%s) + 480))
while [ ! -e /tmp/enough ] && [ "$(date +%s)" -lt "$end" ]; do
    try '{pull}'
    try '{push}'
    {{ {remove}; }} >/dev/null 2>&1
done
"""


class Load:
    """The work of one client, until it is told that it is enough."""

    def __init__(self, site: Site, host: str) -> None:
        self.site, self.host = site, host
        names = {"base": "registry.example.com/load/base:1", "own": f"registry.example.com/load/{host}:1"}
        pull, push, remove = (each.format(**names) for each in WORK[host])
        site.lab.exec(host, "rm -f /tmp/enough")
        script = LOOP.format(pull=pull, push=push, remove=remove)
        command = [*site.lab.ssh(host), script]
        self.ended_early = False
        self.process: Popen[Any] = site.lab.popen(command, stdout=subprocess.PIPE, text=True)

    def end(self) -> list[list[str]]:
        """What it did: kind, milliseconds, and what was said."""
        self.ended_early = self.process.poll() is not None
        self.site.lab.exec(self.host, "touch /tmp/enough")
        try:
            said, _ = self.process.communicate(timeout=60)
        finally:
            self.process.kill()
            self.process.wait()
        return [line.split(" ", 2) for line in said.splitlines()]


@pytest.mark.drill
@pytest.mark.timeout(600)
def test_under_load(site: Site) -> None:
    """Every client pulls and pushes all the while, with verification on."""
    site.deploy().ok()
    base = "registry.example.com/load/base:1"
    site.lab.exec("debian", f"echo x >/tmp/x && tar -C /tmp -c x | docker import - {base} && docker push {base}")
    present = digest(site.pki / "ca.pem")
    loads = [Load(site, host) for host in WORK if host != OFF]
    try:
        site.lab.power_off(OFF)
        assert pki(site, "rotate").returncode == 0
        site.deploy().failed("blocked, 1 of 5 hosts", OFF)
        site.lab.power_on(OFF)
        loads.append(Load(site, OFF))
        site.deploy().ok()
        assert digest(site.pki / "previous/ca.pem") == present
        assert served(site) == digest(site.pki / "server.pem")
        site.deploy("--data", f"ca={present[:12]}", step=WITHDRAW).ok()
        site.deploy().ok()
    finally:
        done = {load.host: load.end() for load in loads}
    assert not [load.host for load in loads if load.ended_early], "they should have gone on until now"
    for host, tries in done.items():
        kinds = [kind for kind, *_ in tries]
        longest = max(int(took) for _, took, *_ in tries) / 1000
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("trust", "refused", "broken"))
        sys.stdout.write(f"{host}: {len(tries)} attempts, failed: {counts}; the longest took {longest:.2f} s\n")
    assert [each for tries in done.values() for each in tries if each[0] != "well"] == []
    assert all(len(tries) > 20 for tries in done.values())
