"""What the plan refuses as a whole: nothing is written, here or on a host. And what is a full citizen: trust alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet.conftest import HOSTS, Site, eventually
from tests.fleet.unchanged import fingerprint

pytestmark = pytest.mark.fleet


def company_root(folder: Path) -> tuple[Path, Path]:
    """A root that anchorline didn't make, with its key."""
    certificate, key = folder / "company.pem", folder / "company-key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-subj", "/CN=Company Root", "-keyout", key, "-out", certificate,
         "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def trusts(site: Site, host: str, certificate: Path) -> bool:
    """Whether the host's openssl finds the certificate in its own store."""
    site.lab.exec(host, "cat >/root/asked.pem", input=certificate.read_bytes())
    return site.lab.exec(host, "openssl verify /root/asked.pem").returncode == 0


class TestTheFleetRemembers:
    def test_a_lost_pki(self, deployed: Site) -> None:
        before = fingerprint(deployed)
        shutil.move(deployed.pki, deployed.folder / "away")
        for options in (("-y",), ("--dry",)):
            done = deployed.run(*options, "inventory", "deploy.py")
            assert done.returncode == 1, done.stderr
            assert "doesn't know the CA" in done.stderr
            assert all(host in done.stderr for host in HOSTS)
            assert "Traceback" not in done.stderr
            assert not deployed.pki.exists()
        shutil.move(deployed.folder / "away", deployed.pki)
        assert not deployed.deploy().ok().changed
        assert fingerprint(deployed) == before

    def test_a_pki_of_another_site(self, deployed: Site, tmp_path: Path) -> None:
        """Another checkout made a CA of its own under the same name."""
        before = fingerprint(deployed)
        other = Site(tmp_path, deployed.lab)
        issued = deployed.lab.run(
            [Path(sys.executable).with_name("anchorline"), "pki", "issue"], cwd=tmp_path, capture_output=True, text=True
        )
        assert issued.returncode == 0, issued.stderr
        other.deploy().failed("doesn't know the CA")
        assert fingerprint(deployed) == before

    def test_the_marker_alone_is_enough(self, deployed: Site) -> None:
        """Someone cleaned up the anchors by hand: the hosts' own memory still knows the CA."""
        shutil.move(deployed.pki, deployed.folder / "away")
        two = ("registry", "arch-layout")
        limits = [word for host in two for word in ("--limit", host)]
        for host in two:
            deployed.lab.exec(host, "find /etc /usr/local/share -name 'anchorline-production-*' -delete")
        deployed.deploy(*limits).failed("doesn't know the CA")
        shutil.move(deployed.folder / "away", deployed.pki)
        assert deployed.deploy(*limits).ok().changed
        assert not deployed.deploy(*limits).ok().changed


class TestTrustAlone:
    @pytest.mark.hosts("registry", "arch-layout", "fedora-layout")
    def test_a_company_root(self, site: Site) -> None:
        certificate, _ = company_root(site.folder)
        site.declare(registry=None, certificates=None, authority=None)
        site.declare(authority={"certificate": "company.pem"})
        assert not any(trusts(site, host, certificate) for host in site.hosts)
        site.deploy().ok()
        assert all(trusts(site, host, certificate) for host in site.hosts)
        assert not site.pki.exists()
        assert not site.deploy().ok().changed

    @pytest.mark.drill
    @pytest.mark.hosts("registry", "debian")
    def test_also(self, site: Site) -> None:
        certificate, _ = company_root(site.folder)
        site.declare(trust={"also": ["company.pem"]})
        site.deploy().ok()
        assert all(trusts(site, host, certificate) for host in site.hosts)
        assert all(trusts(site, host, site.pki / "ca.pem") for host in site.hosts)
        # a company's root is for the system; only the site's CA vouches for the registry
        kept = site.lab.exec("debian", "ls /etc/docker/certs.d/registry.example.com").stdout.split()
        assert len(kept) == 1
        site.declare(trust={"also": []})
        result = site.deploy().ok()
        assert not result.changed
        assert "surplus" in result.err
        assert all(trusts(site, host, certificate) for host in site.hosts), "a deploy removes no root"

    @pytest.mark.hosts("registry", "debian")
    def test_a_root_that_hosts_have_already(self, site: Site) -> None:
        certificate, _ = company_root(site.folder)
        site.lab.exec("debian", "cat >/usr/local/share/ca-certificates/corp.crt", input=certificate.read_bytes())
        site.lab.exec("debian", "update-ca-certificates")
        site.declare(registry=None, certificates=None, authority=None)
        site.declare(authority={"certificate": "company.pem"})
        result = site.deploy().ok()
        assert "trusted already as /usr/local/share/ca-certificates/corp.crt" in result.err
        assert not site.lab.exec("debian", "ls /usr/local/share/ca-certificates | grep anchorline").stdout


def test_an_altered_anchor_is_repaired(deployed: Site) -> None:
    ca, two = deployed.pki / "ca.pem", ("debian", "arch-layout")
    for host in two:
        deployed.lab.exec(
            host, "for f in $(find /etc /usr/local/share -name 'anchorline-production-*' -type f); do echo >$f; done"
        )
        deployed.lab.exec(
            host,
            "for update in update-ca-certificates update-ca-trust; do ! command -v $update || $update; done",
        )
    assert not any(trusts(deployed, host, ca) for host in two)
    deployed.deploy().ok()
    assert all(trusts(deployed, host, ca) for host in two)
    assert not deployed.deploy().ok().changed


def test_a_name_outside_the_constraints(deployed: Site) -> None:
    """Whoever gets hold of the CA's key can't vouch for other names: three verifiers refuse the leaf."""
    folder = deployed.folder
    ca, ca_key = deployed.pki / "ca.pem", deployed.pki / "ca-key.pem"
    (folder / "evil.ext").write_text(
        "subjectAltName=DNS:registry.evil.test,IP:203.0.113.9\nextendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\n"
        "basicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
    )
    for command in (
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=evil -keyout evil-key.pem -out evil.csr",
        f"x509 -req -in evil.csr -CA {ca} -CAkey {ca_key} -days 1 -extfile evil.ext -out evil.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    verified = subprocess.run(["openssl", "verify", "-CAfile", ca, folder / "evil.pem"], capture_output=True, text=True)
    assert verified.returncode != 0
    assert "permitted subtree violation" in verified.stderr
    lab = deployed.lab
    for name in ("evil.pem", "evil-key.pem"):
        lab.exec("registry", f"cat >/root/{name}", input=(folder / name).read_bytes())
    lab.exec(
        "registry",
        "systemd-run --unit=evil openssl s_server -accept 8443 -cert /root/evil.pem -key /root/evil-key.pem -www",
    )
    eventually(lambda: lab.exec("registry", "ss -Hltn sport = :8443").stdout)
    try:
        lab.exec("debian", "echo '192.0.2.10 registry.evil.test' >>/etc/hosts")
        # Docker reads a folder of our CA for that name as well, so that only the constraint can refuse
        lab.exec(
            "debian",
            "cd /etc/docker/certs.d && cp -r registry.example.com registry.evil.test:8443",
        )
        curl = lab.exec("debian", "curl -sS https://registry.evil.test:8443/")
        assert curl.returncode == 60, curl.stderr
        assert "permitted subtree violation" in curl.stderr

        # Docker may have /etc/hosts in mind for 5 s
        def refused() -> bool:
            docker = lab.exec("debian", "docker pull registry.evil.test:8443/x")
            assert docker.returncode != 0
            return "not permitted by any constraint" in docker.stderr

        eventually(refused)
    finally:
        lab.exec("registry", "systemctl stop evil")
        lab.exec("debian", "sed -i /evil.test/d /etc/hosts; rm -r /etc/docker/certs.d/registry.evil.test:8443")


@pytest.mark.hosts("registry", "debian")
def test_the_seed_files_unchanged(site: Site) -> None:
    """cfssl's three files by path, as somebody has them: the registry is at an address that they name."""
    seed = Path(__file__).resolve().parents[1] / "data/seed"
    shutil.copytree(seed, site.folder / "seed")
    site.declare(signing=None, authority=None, certificates=None)
    site.declare(
        authority="seed/ca-csr.json",
        signing="seed/ca.config",
        certificates={"server": {"profile": "server", "csr": "seed/server-csr.json"}},
        registry={"address": "172.17.0.1", "aliases": ["172.17.0.2"], "hosts_entry": None},
        verify={"push": "one"},
    )
    # the lab's registry gets one of the addresses that the how-to signed; its Docker another network
    for host, number in {"registry": 2, "debian": 3}.items():
        site.lab.exec(host, "systemctl stop docker.socket docker 2>/dev/null; ip link delete docker0 2>/dev/null; true")
        site.lab.exec(
            host,
            'mkdir -p /etc/docker; echo \'{"bip": "192.0.2.129/28"}\' >/etc/docker/daemon.json; systemctl start docker',
        )
        site.lab.exec(host, f"ip address add 172.17.0.{number}/24 dev host0")
    site.declare(registry={"address": "172.17.0.2", "aliases": []})
    result = site.deploy().ok()
    assert "Push from one client" in str(result.operations)
    shown = subprocess.run(
        ["openssl", "x509", "-in", site.pki / "server.pem", "-noout", "-text"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "CN = registry.cheney.io" in shown or "CN=registry.cheney.io" in shown
    for address in ("172.17.0.1", "172.17.0.2", "172.17.0.3", "172.17.0.4"):
        assert f"IP Address:{address}" in shown
    assert "TLS Web Server Authentication" in shown
