"""Stores that aren't folders of CAs, on a real host: what a rollout puts there, and that a withdrawal takes it back."""

from __future__ import annotations

import tomllib

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from tests.fleet.conftest import Result, Site

pytestmark = pytest.mark.fleet

HOST = "debian"
HOSTS = ("registry", HOST)
REGISTRIES = "mirrors:\n  docker.io:  # through the cache\n    endpoint: [https://cache.example.com]\n"
BUILDKITD = '# ours\ndebug = true\n\n[registry."docker.io"]\n  mirrors = ["cache.example.com"]\n'
RUNNER = '[[runners]]\n  token = "of-the-runner"\n  [runners.docker]\n    image = "alpine"\n'
CONTAINERD = "version = 2\n"

SETTING = f"""
set -eu
useradd -m ada
install -d -o ada -g ada /home/ada/.config /home/ada/.config/docker /home/ada/.pki /home/ada/.pki/nssdb
su ada -c 'certutil -N -d sql:/home/ada/.pki/nssdb --empty-password'
mkdir -p /opt/jdk/bin /opt/jdk/lib/security /etc/rancher/k3s /etc/buildkit /etc/gitlab-runner /etc/containerd
cp -L /etc/ssl/certs/java/cacerts /opt/jdk/lib/security/cacerts
chmod u+w /opt/jdk/lib/security/cacerts
ln -s "$(readlink -f "$(command -v keytool)")" /opt/jdk/bin/keytool
printf '%s' '{REGISTRIES}' >/etc/rancher/k3s/registries.yaml
printf '%s' '{BUILDKITD}' >/etc/buildkit/buildkitd.toml
(umask 077; printf '%s' '{RUNNER}' >/etc/gitlab-runner/config.toml)
printf '%s' '{CONTAINERD}' >/etc/containerd/config.toml
printf '#!/bin/sh\\n' >/usr/local/bin/kubelet
chmod +x /usr/local/bin/kubelet
"""
# every file, with its mode, owner and content; keystores aside, which are written anew, and what only a boot keeps
TREE = r"""
find /etc /opt /home /root /usr/local /var/lib/anchorline ! -path /etc/ssl/certs/java/cacerts ! -name cacerts \
    ! -name 'cert9.db' ! -name 'key4.db' -printf '%p %m %u:%g %l ' \( -type f -exec sha256sum {} \; -o -printf '\n' \) |
    sed 's| [^ ]*$||' | sort
"""
KEYSTORES = """
for each in /opt/jdk/lib/security/cacerts /etc/ssl/certs/java/cacerts; do
    keytool -list -keystore $each -storepass changeit 2>/dev/null | grep -o 'SHA-256.*' | sort
done
su ada -c 'certutil -L -d sql:/home/ada/.pki/nssdb'
"""


class Host:
    """The host, and what its stores say."""

    def __init__(self, site: Site) -> None:
        self.site, self.lab = site, site.lab

    def __call__(self, command: str) -> str:
        ran = self.lab.exec(HOST, command)
        assert ran.returncode == 0, ran.stderr
        return str(ran.stdout)

    def nss(self) -> bool:
        """Whether the user's NSS database vouches for the certificate that the registry serves."""
        leaf = (self.site.pki / "server.pem").read_text()
        self(f"cat >/tmp/server.pem <<'END'\n{leaf}END\nchmod 644 /tmp/server.pem")
        ran = self.lab.exec(HOST, "su ada -c 'vfychain -u 1 -pp -d sql:/home/ada/.pki/nssdb -a /tmp/server.pem'")
        self("rm /tmp/server.pem")
        return "Chain is good!" in ran.stdout + ran.stderr

    def java(self, keystore: str, digest: str) -> bool:
        listed = self(f"keytool -list -keystore {keystore} -storepass changeit 2>/dev/null")
        return bytes.fromhex(digest).hex(":").upper() in listed

    def text(self, path: str) -> str:
        return self(f"cat {path}")


OWN, SYSTEM = "/opt/jdk/lib/security/cacerts", "/etc/ssl/certs/java/cacerts"


def digest_of(site: Site) -> str:
    return x509.load_pem_x509_certificate((site.pki / "ca.pem").read_bytes()).fingerprint(SHA256()).hex()


def rolled_out(site: Site, *options: str) -> Result:
    return site.deploy(*options).ok()


@pytest.fixture
def host(site: Site) -> Host:
    host = Host(site)
    host(SETTING)
    site.declare(
        trust={"users": ["ada"], "containerd": {"configure": True}},
    )
    stores = ["system", "docker", "k3s", "buildkit", "gitlab-runner", "containerd", "java", "nss", "environment"]
    site.declare(trust={"stores": stores})
    return host


@pytest.mark.drill
@pytest.mark.hosts(*HOSTS)
def test_there_and_back(host: Host) -> None:
    before, keystores = host(TREE), host(KEYSTORES)
    first = rolled_out(host.site)
    digest = digest_of(host.site)
    assert "restart it" in first.err, "what k3s wants before it heeds the change"
    name = "registry.example.com"
    assert host.java(OWN, digest)
    assert host.java(SYSTEM, digest)
    assert host.nss()
    merged = yaml.safe_load(host.text("/etc/rancher/k3s/registries.yaml"))
    assert merged["configs"][name]["tls"]["ca_file"] == "/etc/anchorline/production.pem"
    assert "# through the cache" in host.text("/etc/rancher/k3s/registries.yaml")
    assert tomllib.loads(host.text("/etc/buildkit/buildkitd.toml"))["registry"][name]["ca"]
    assert "/etc/docker/certs.d:ro" in host.text("/etc/gitlab-runner/config.toml")
    assert host("stat -c %a /etc/gitlab-runner/config.toml").strip() == "600"
    assert 'config_path = "/etc/containerd/certs.d"' in host.text("/etc/containerd/config.toml")
    certificate = (host.site.pki / "ca.pem").read_text()
    assert certificate in host.text(f"/etc/gitlab-runner/certs/{name}.crt")
    assert certificate in host.text(f"/home/ada/.config/docker/certs.d/{name}/anchorline-production-{digest[:12]}.crt")
    owners = host("find /home/ada -printf '%u\\n' | sort -u").split()
    assert owners == ["ada"], "a home's files are its user's"
    assert "of-the-runner" not in first.err + first.out

    assert not rolled_out(host.site).changed

    gone = host.site.deploy("--data", f"ca={digest}", "--limit", HOST, step="anchorline.trust.distrust").ok()
    assert gone.changed
    assert host(TREE) == before
    assert host(KEYSTORES) == keystores
    assert not host.java(OWN, digest)
    assert not host.nss()


@pytest.mark.hosts(*HOSTS)
@pytest.mark.drill
def test_what_cannot_be_done_fails_the_host_and_is_left(host: Host) -> None:
    """Each leaves the host without a change; its cause is named."""
    broken = {
        "printf 'mirrors: [' >/etc/rancher/k3s/registries.yaml": "/etc/rancher/k3s/registries.yaml, line 1: ",
        "printf '[registry\\n' >/etc/buildkit/buildkitd.toml": "/etc/buildkit/buildkitd.toml, line ",
        "mkdir /etc/gitlab-runner/certs; echo x >/etc/gitlab-runner/certs/registry.example.com.crt": (
            "/etc/gitlab-runner/certs/registry.example.com.crt is someone else's"
        ),
    }
    fix = (
        f"printf '%s' '{REGISTRIES}' >/etc/rancher/k3s/registries.yaml",
        f"printf '%s' '{BUILDKITD}' >/etc/buildkit/buildkitd.toml",
        "rm -r /etc/gitlab-runner/certs",
    )
    for (command, said), again in zip(broken.items(), fix, strict=True):
        host(command)
        before = host(TREE)
        failed = host.site.deploy(step="anchorline.trust.rollout").failed(said)
        assert HOST in failed.err
        assert host(TREE) == before
        host(again)
    host(f"keytool -storepasswd -keystore {OWN} -storepass changeit -new anothers")
    host.site.deploy(step="anchorline.trust.rollout").failed(f"{OWN}: ", "password was incorrect")
    host(f"keytool -storepasswd -keystore {OWN} -storepass anothers -new changeit")
    host.site.deploy(step="anchorline.trust.rollout").ok()
    assert host.java(OWN, digest_of(host.site))


@pytest.mark.hosts(*HOSTS)
@pytest.mark.drill
def test_debians_own_hook_forgets_the_ca_as_well(host: Host) -> None:
    """Without `java` among the stores the update still tells Java's keystore of a new CA, but not of one that went."""
    host.site.declare(trust={"stores": ["system"]})
    keystores = host(KEYSTORES)
    rolled_out(host.site)
    digest = digest_of(host.site)
    assert host.java(SYSTEM, digest)
    host.site.deploy("--data", f"ca={digest}", "--limit", HOST, step="anchorline.trust.distrust").ok()
    assert not host.java(SYSTEM, digest)
    assert host(KEYSTORES) == keystores
