"""What people run on a client: each refuses the registry before the rollout, takes it after, refuses it when the CA is
withdrawn. And of the whole way, no trace is left on the host."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.fleet.conftest import CLIENTS, Site
from tests.fleet.test_withdraw import WITHDRAW, other_ca, sha256

pytestmark = pytest.mark.fleet

# by address: a name would be refused for not being known, where the CA isn't
REGISTRY = "192.0.2.10"
IMAGE = f"{REGISTRY}/anchorline/verify:production-all"

JAVA = """
import java.net.URI;
import java.net.http.*;

class Client {
    public static void main(String[] arguments) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(arguments[0])).build();
        HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.discarding());
    }
}
"""


@dataclass(frozen=True)
class Client:
    """A program on a host: the command that needs the registry's certificate, and the words of its refusal."""

    name: str
    host: str
    command: str
    refusal: str


CURL = f"curl -sS --fail https://{REGISTRY}/v2/"
GNUTLS = f"gnutls-cli {REGISTRY} </dev/null"
OPENSSL = f"openssl s_client -verify_return_error -verify_ip {REGISTRY} {REGISTRY}:443 </dev/null"
PYTHON = f"python3 -c 'import urllib.request as u; u.urlopen(\"https://{REGISTRY}/v2/\")'"
DOCKER = f"docker pull {IMAGE} && docker image rm {IMAGE}"
PODMAN = f"podman pull --retry 0 {IMAGE} && podman image rm {IMAGE}"
BUILDAH = f"buildah pull --retry 0 {IMAGE} && buildah rmi {IMAGE}"
CTR = f"ctr i pull --hosts-dir /etc/containerd/certs.d {IMAGE} && ctr i rm {IMAGE}"
UNKNOWN = "certificate signed by unknown authority"

TABLE = (
    *(Client("curl", host, CURL, "local issuer certificate") for host in CLIENTS),
    *(Client("openssl", host, OPENSSL, "verify error") for host in CLIENTS),
    *(Client("gnutls", host, GNUTLS, "certificate issuer is unknown") for host in CLIENTS),
    *(Client("python", host, PYTHON, "CERTIFICATE_VERIFY_FAILED") for host in ("debian", "debian12")),
    Client("java", "debian", f"java /tmp/Client.java https://{REGISTRY}/v2/", "find valid certification path"),
    Client("docker", "debian", DOCKER, UNKNOWN),
    Client("podman", "arch-layout", PODMAN, UNKNOWN),
    Client("skopeo", "arch-layout", f"skopeo inspect --retry-times 0 docker://{IMAGE}", UNKNOWN),
    Client("buildah", "arch-layout", BUILDAH, UNKNOWN),
    Client("ctr", "fedora-layout", CTR, UNKNOWN),
)
# All that a rollout may touch: kinds, modes, owners, links and contents. Times aside, and a Java keystore has them
# inside: of that, the size.
PLACES = "/etc /usr/local/share /var/lib/anchorline /root /home"
TREE = (
    f"find {PLACES} -printf '%y %m %U:%G %p %l\\n' 2>/dev/null | sort; "
    f"find {PLACES} -path '*/java/cacerts' -printf '%s %p\\n' 2>/dev/null; "
    f"find {PLACES} -type f ! -path '*/java/cacerts' -exec sha256sum {{}} + 2>/dev/null | sort"
)


@dataclass(frozen=True)
class Phase:
    """What was seen at one time: each client's exit code and words, each host's tree."""

    said: dict[Client, tuple[int, str]]
    trees: dict[str, str]


def ask_all(site: Site) -> dict[Client, tuple[int, str]]:
    """Ask all clients, those of a host one after the other: their runtimes are not made for two at once."""

    def ask(host: str) -> list[tuple[Client, tuple[int, str]]]:
        done = [(each, site.lab.exec(host, each.command, timeout=60)) for each in TABLE if each.host == host]
        return [(client, (ran.returncode, ran.stdout + ran.stderr)) for client, ran in done]

    with ThreadPoolExecutor() as pool:
        return {client: answer for some in pool.map(ask, CLIENTS) for client, answer in some}


def look(site: Site) -> Phase:
    """What all clients say, and what lies on their hosts."""
    trees = {host: site.lab.exec(host, TREE).stdout for host in CLIENTS}
    return Phase(ask_all(site), trees)


@pytest.fixture(scope="module")
def phases(fresh: Site) -> dict[str, Phase]:
    """One site from before its rollout to after its CA's withdrawal; the registry serves all the time."""
    site = fresh
    site.lab.exec("debian", "cat >/tmp/Client.java", input=JAVA)
    site.deploy("--limit", "registry").ok()
    before = look(site)
    site.deploy().ok()
    after = look(site)
    # what declares another CA, and no registry that would need the first
    ca = sha256(site.pki / "ca.pem")
    other_ca(site, "other")
    (site.folder / "anchorline.yml").write_text(
        "version: 1\nsite: production\nauthority: {certificate: other.pem}\ntrust: {stores: [system]}\n"
    )
    site.deploy("--data", f"ca={ca}", step=WITHDRAW).ok()
    return {"before": before, "after": after, "withdrawn": look(site)}


@pytest.mark.parametrize("client", TABLE, ids=lambda client: f"{client.name}-{client.host}")
def test_no_then_yes_then_no(phases: dict[str, Phase], client: Client) -> None:
    code, said = phases["after"].said[client]
    assert code == 0, said
    for phase in ("before", "withdrawn"):
        code, said = phases[phase].said[client]
        assert code != 0, f"{phase}: it took the registry's certificate"
        assert client.refusal in said, f"{phase}: {said}"


@pytest.mark.parametrize("host", CLIENTS)
def test_no_trace_is_left(phases: dict[str, Phase], host: str) -> None:
    before, after, withdrawn = (phases[name].trees[host].splitlines() for name in ("before", "after", "withdrawn"))
    assert set(after) - set(before), "or this proves nothing"
    assert withdrawn == before, sorted(set(withdrawn) ^ set(before))
