"""Certificates and CAs of others on the lab: made by openssl, verified by every client, or refused untouched."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.fleet.conftest import Site
from tests.fleet.pulls import CURL, each_way

pytestmark = pytest.mark.fleet

CA = "basicConstraints=critical,CA:TRUE{pathlen}\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
SERVER = (
    "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
    "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName={names}\n"
)
NAMES = "DNS:registry.example.com,IP:192.0.2.10"


class Company:
    """Somebody else's PKI beside a site: a root, an issuing CA below it, and what that issues."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.make("root", "Company_Root", CA.format(pathlen=""))
        self.make(
            "issuing", "Company_Issuing", CA.format(pathlen=",pathlen:0") + "authorityKeyIdentifier=keyid\n", "root"
        )
        self.join("ca.pem", "issuing", "root")

    def make(self, name: str, subject: str, extensions: str, issuer: str = "") -> None:
        (self.folder / f"{name}.ext").write_text(extensions)
        signer = f"-CA {issuer}.crt -CAkey {issuer}-key.pem -CAcreateserial" if issuer else f"-signkey {name}-key.pem"
        for command in (
            f"ecparam -genkey -name prime256v1 -noout -out {name}-key.pem",
            f"req -new -key {name}-key.pem -subj /CN={subject} -out {name}.csr",
            f"x509 -req -in {name}.csr {signer} -days 300 -extfile {name}.ext -out {name}.crt",
        ):
            subprocess.run(["openssl", *command.split()], cwd=self.folder, check=True, capture_output=True)

    def issue(self, names: str = NAMES) -> None:
        """A certificate for the registry, with the chain that it is served with."""
        self.make("server", "registry.example.com", SERVER.format(names=names), "issuing")
        self.join("server.pem", "server", "issuing")

    def join(self, file: str, *names: str) -> None:
        (self.folder / file).write_text("".join((self.folder / f"{name}.crt").read_text() for name in names))


def untouched(site: Site) -> bool:
    find = "find /etc /usr/local/share /var/lib/anchorline -name '*anchorline*'"
    return not any(site.lab.exec(host, find).stdout for host in site.hosts)


def every_client_pulls(site: Site) -> None:
    for host in site.clients:
        ways = each_way(site, host)
        assert all(ok for _, _, ok, _ in ways), ways


def served(site: Site, host: str) -> str:
    shown = site.lab.exec(
        host,
        "openssl s_client -connect 192.0.2.10:443 -servername registry.example.com -showcerts </dev/null 2>/dev/null "
        "| grep -E '^ *(0|1|2) s:|^ *[si]:'",
    )
    return shown.stdout


@pytest.mark.hosts("registry", "arch-layout", "fedora-layout")
def test_an_intermediate_ca(site: Site) -> None:
    """It issues, its chain ends at a root of its own, and that one is trusted."""
    Company(site.folder)
    site.declare(authority=None)
    site.declare(authority={"certificate": "ca.pem", "key": "issuing-key.pem"})
    site.deploy().ok()
    every_client_pulls(site)
    assert sorted(path.name for path in site.pki.glob("*.pem")) == ["server-key.pem", "server.pem"]
    shown = served(site, "arch-layout")
    assert "Company_Issuing" in shown
    assert not site.deploy().ok().changed


@pytest.mark.drill
@pytest.mark.hosts("registry", "debian")
def test_a_certificate_of_somebody_else(site: Site) -> None:
    """It is served as it is, and put into place when a new one is brought; nothing is issued here."""
    company = Company(site.folder)
    company.issue()
    site.declare(authority=None, certificates=None)
    site.declare(
        authority={"certificate": "root.crt"},
        certificates={"server": {"certificate": "server.pem", "key": "server-key.pem"}},
    )
    site.deploy().ok()
    every_client_pulls(site)
    assert not site.pki.exists()
    assert not site.deploy().ok().changed
    before = (site.folder / "server.pem").read_bytes()
    company.issue()
    assert (site.folder / "server.pem").read_bytes() != before
    result = site.deploy().ok()
    assert "another certificate" in result.err
    every_client_pulls(site)
    assert not site.deploy().ok().changed


@pytest.mark.drill
def test_from_brought_to_issued(site: Site) -> None:
    """The way back: a CA that issues takes the place of a certificate that was brought."""
    company = Company(site.folder)
    company.issue()
    declared = {"profile": "server", "hosts": ["registry.example.com", "192.0.2.10"]}
    site.declare(authority=None, certificates=None)
    site.declare(
        authority={"certificate": "ca.pem", "key": "issuing-key.pem"},
        certificates={"server": {"certificate": "server.pem", "key": "server-key.pem"}},
    )
    site.deploy().ok()
    site.declare(certificates=None)
    site.declare(certificates={"server": declared})
    site.deploy().ok()
    assert site.lab.exec("debian", CURL.format(name="registry.example.com")).returncode == 0
    assert (site.pki / "server.pem").exists()
    assert not site.deploy().ok().changed


@pytest.mark.hosts("registry", "debian")
def test_wrong_names_are_refused_before_any_host_is_touched(site: Site) -> None:
    company = Company(site.folder)
    company.issue("DNS:other.example.com")
    (site.folder / "server-key.pem").write_text((site.folder / "root-key.pem").read_text())
    site.declare(authority=None, certificates=None)
    site.declare(
        authority={"certificate": "root.crt"},
        certificates={"server": {"certificate": "server.pem", "key": "server-key.pem"}},
    )
    site.deploy().failed(
        "server.pem: it is for other.example.com, and the registry is reached as registry.example.com",
        "the registry is reached as 192.0.2.10",
    )
    assert untouched(site)
    company.issue()
    (site.folder / "server-key.pem").write_text((site.folder / "root-key.pem").read_text())
    site.deploy().failed("server-key.pem: this is not the key of CN=registry.example.com")
    assert untouched(site)


# as a public CA would lie there: put by nobody of ours
BY_HAND = {
    "arch-layout": "cat >/etc/ca-certificates/trust-source/anchors/public.crt && update-ca-trust",
    "fedora-layout": "cat >/etc/pki/ca-trust/source/anchors/public.crt && update-ca-trust",
}
DEBIAN = (
    "cat >/usr/local/share/ca-certificates/public.crt && update-ca-certificates && "
    "{ ! command -v dockerd || systemctl restart docker; }"
)


@pytest.mark.drill
@pytest.mark.hosts("registry", "debian", "fedora-layout")
def test_a_certificate_of_a_public_ca(site: Site) -> None:
    """No CA is rolled out: what hosts trust by themselves vouches for it, for the registry's own health as well."""
    Company(site.folder).issue()
    site.declare(authority=None, certificates=None)
    site.declare(certificates={"server": {"certificate": "server.pem", "key": "server-key.pem"}})
    site.deploy().failed("didn't get healthy")
    root = (site.folder / "root.crt").read_bytes()
    for host in site.hosts:
        assert site.lab.exec(host, BY_HAND.get(host, DEBIAN), input=root).returncode == 0
    site.deploy().ok()
    every_client_pulls(site)
    assert not site.deploy().ok().changed
