"""What people run on a client, and how each of those programs refuses a registry that it doesn't trust."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.fleet.conftest import CLIENTS, Site

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


def ask_all(site: Site) -> dict[Client, tuple[int, str]]:
    """Ask all clients, those of a host one after the other: their runtimes are not made for two at once."""

    def ask(host: str) -> list[tuple[Client, tuple[int, str]]]:
        done = [(each, site.lab.exec(host, each.command, timeout=60)) for each in TABLE if each.host == host]
        return [(client, (ran.returncode, ran.stdout + ran.stderr)) for client, ran in done]

    with ThreadPoolExecutor() as pool:
        return {client: answer for some in pool.map(ask, CLIENTS) for client, answer in some}
