"""A CA is rotated over the fleet: both are trusted, the gate waits for everyone, the old one is withdrawn."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from lab import Lab
from tests.fleet.conftest import HOSTS, Site

pytestmark = pytest.mark.fleet

WITHDRAW = "anchorline.trust.withdraw"
OFF = "debian12"


def pki(site: Site, *arguments: str) -> CompletedProcess[str]:
    """``anchorline pki`` in the site's folder."""
    command = [str(Path(sys.executable).with_name("anchorline")), "pki", *arguments]
    return site.lab.run(command, cwd=site.folder, capture_output=True, text=True)


def certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def digest(file: Path) -> str:
    return certificate(file).fingerprint(SHA256()).hex()


def served(site: Site) -> str:
    """SHA-256 of the certificate that a client gets."""
    ask = "openssl s_client -connect registry.example.com:443 </dev/null 2>/dev/null | openssl x509 -outform der"
    said = site.lab.exec("debian", f"{ask} | sha256sum")
    return str(said.stdout).split()[0]


def trusting(site: Site, file: Path) -> list[str]:
    """The hosts whose system's store has this CA."""
    command = f"openssl verify -partial_chain <<'PEM'\n{file.read_text()}PEM\n"
    return [host for host in HOSTS if site.lab.exec(host, command).returncode == 0]


def test_a_rotation(deployed: Site, lab: Lab) -> None:
    site = deployed
    present, key = digest(site.pki / "ca.pem"), (site.pki / "ca-key.pem").read_bytes()
    leaf = served(site)

    assert pki(site, "rotate").returncode == 0
    twice = pki(site, "rotate")
    assert (twice.returncode, "a rotation stands already" in twice.stderr) == (1, True), twice.stderr
    following = digest(site.pki / "next/ca.pem")
    assert trusting(site, site.pki / "next/ca.pem") == []

    # one host is away, and the gate waits for it
    lab.power_off(OFF)
    site.deploy().failed("held, 1 of 5 hosts", OFF, "it can't be reached", "goes on to serve")
    assert (digest(site.pki / "ca.pem"), served(site)) == (present, leaf)
    assert (site.pki / "ca-key.pem").read_bytes() == key
    ledger = [json.loads(line) for line in (site.pki / "sightings.jsonl").read_text().splitlines()]
    assert {each["host"] for each in ledger if each["seen"]} == {*HOSTS} - {OFF}
    assert {each["host"]: each["why"] for each in ledger if not each["seen"]} == {OFF: "it can't be reached"}
    shown = pki(site, "show").stdout
    assert "4 of 5 hosts" in shown, shown
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
    assert trusting(site, site.pki / "previous/ca.pem") == trusting(site, site.pki / "ca.pem") == list(HOSTS)
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
