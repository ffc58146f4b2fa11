"""The stores of real hosts: what Debian's command passes over in silence, and what goes wrong in its middle."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fleet.conftest import Result, Site
from tests.fleet.said import alone

pytestmark = pytest.mark.fleet

FOLDER = "/usr/local/share/ca-certificates"
STEP = "anchorline.trust.rollout"
# by the folder of hash links alone, as a user who isn't root
HASHED = "runuser -u nobody -- openssl verify -partial_chain -no-CAfile -no-CAstore -CApath /etc/ssl/certs"


@pytest.fixture
def trust(site: Site) -> Site:
    """A site without a registry."""
    spec = "version: 1\nsite: production\nauthority: {CN: Fleet CA}\nlimits: {failed: 100%}\n"
    (site.folder / "anchorline.yml").write_text(spec)
    return site


def debian(site: Site, command: str) -> str:
    return site.lab.exec("debian", command).stdout


def hashed(site: Site) -> bool:
    pem = (site.pki / "ca.pem").read_text()
    return site.lab.exec("debian", f"cat >/tmp/ca.pem <<'PEM'\n{pem}PEM\n{HASHED} /tmp/ca.pem").returncode == 0


def rolled(site: Site) -> Result:
    return site.deploy("--limit", "debian", step=STEP).ok()


@pytest.mark.drill
def test_what_debian_passes_over_is_seen_and_fixed(trust: Site) -> None:
    rolled(trust)
    assert hashed(trust)
    assert not rolled(trust).changed
    anchor = debian(trust, f"ls {FOLDER}/anchorline-production-*.crt").strip()
    other = "/usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt"
    traps = {
        "the same name with other content": f"cp {other} {anchor}; update-ca-certificates",
        "DER in a .crt": f"openssl x509 -in {anchor} -outform der -out /tmp/x && cp /tmp/x {anchor}",
        "a file that only root can read": f"chmod 600 {anchor}",
        "two certificates in one file": f"cat {other} >>{anchor}; update-ca-certificates --fresh",
        "the name with .pem": f"mv {anchor} {anchor.removesuffix('.crt')}.pem; update-ca-certificates --fresh",
        "the hash link is gone": "cd /etc/ssl/certs && rm -f anchorline-* && openssl rehash .",
    }
    for name, trap in traps.items():
        debian(trust, trap)
        result = rolled(trust)
        assert result.changed, name
        assert hashed(trust), name
        assert not rolled(trust).changed, name
        debian(trust, f"rm -f {anchor.removesuffix('.crt')}.pem")


@pytest.mark.drill
def test_a_ca_of_others_in_layers(trust: Site) -> None:
    """Theirs is enough where every layer has it; when theirs goes, ours comes."""
    rolled(trust)
    anchor = debian(trust, f"ls {FOLDER}/anchorline-production-*.crt").strip()
    debian(trust, f"mkdir {FOLDER}/a; mv {anchor} {FOLDER}/a/company.crt; update-ca-certificates --fresh")
    result = rolled(trust)
    assert not result.changed
    assert f"trusted already as {FOLDER}/a/company.crt" in " ".join(result.err.split())
    # a second file of the same basename: the bundle has both, the folder of hash links one
    other = "/usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt"
    debian(trust, f"mkdir {FOLDER}/b; cp {other} {FOLDER}/b/company.crt; update-ca-certificates --fresh")
    assert not hashed(trust), "or this proves nothing"
    assert rolled(trust).changed
    assert hashed(trust)
    # and nothing rehashes when theirs goes
    debian(trust, f"rm -r {FOLDER}/a {FOLDER}/b; update-ca-certificates")
    rolled(trust)
    assert hashed(trust)


@pytest.mark.drill
@pytest.mark.hosts("registry", "debian")
def test_a_read_only_etc(trust: Site) -> None:
    debian(trust, "mount --bind /etc /etc && mount -o remount,bind,ro /etc")
    try:
        alone(trust.deploy(step=STEP), {"debian": ("failed", "trust: ", "Read-only file system")})
    finally:
        debian(trust, "umount /etc")
    assert not debian(trust, "find / -xdev -name '*.anchorline-new' -o -xdev -name '*.crt.new'")
    rolled(trust)
    assert hashed(trust)


@pytest.mark.hosts("registry", "debian")
def test_a_disk_that_fills_up_in_the_middle_of_an_update(trust: Site) -> None:
    certs = "/etc/ssl/certs"
    debian(trust, f"cp -a {certs} /root/c; mount -t tmpfs -o size=16m none {certs}; cp -a /root/c/. {certs}")
    debian(trust, f"dd if=/dev/zero of={certs}/full bs=1k 2>/dev/null; truncate -s -90k {certs}/full")
    before = debian(trust, f"sha256sum {certs}/ca-certificates.crt")
    try:
        alone(
            trust.deploy(step=STEP),
            {"debian": ("failed", "trust: /usr/sbin/update-ca-certificates: ", "No space left")},
        )
        assert debian(trust, f"sha256sum {certs}/ca-certificates.crt") == before
        assert not debian(trust, f"ls {certs}/*.new {FOLDER}/*new")
        debian(trust, f"rm {certs}/full")
        rolled(trust)
        assert hashed(trust), "the update that broke off had made its link, and would rehash nothing"
    finally:
        debian(trust, f"umount {certs}; rm -r /root/c")


@pytest.mark.drill
@pytest.mark.hosts("debian", "fedora-layout")
def test_two_sites_at_once(trust: Site, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    second = Site(other, trust.lab, trust.hosts)
    spec = "version: 1\nsite: staging\nauthority: {CN: Staging CA}\n"
    (other / "anchorline.yml").write_text(spec)
    with ThreadPoolExecutor() as both:
        for done in both.map(lambda site: site.run_anew("-y", "inventory", STEP), (trust, second)):
            assert done.returncode == 0, done.stderr
    for host in trust.hosts:
        for ca in (trust.pki / "ca.pem", other / "pki/staging/ca.pem"):
            pem = ca.read_text()
            verify = f"openssl verify -partial_chain <<'PEM'\n{pem}PEM\n"
            assert trust.lab.exec(host, verify).returncode == 0, (host, ca)
    for site in (trust, second):
        assert not site.deploy(step=STEP).ok().changed
    shutil.rmtree(other)
