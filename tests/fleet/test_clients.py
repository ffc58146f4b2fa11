"""What people run on a client: each refuses the registry before the rollout, takes it after, refuses it when the CA is
withdrawn. And of the whole way, no trace is left on the host."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.fleet.certificates import other_ca, sha256
from tests.fleet.clients import JAVA, TABLE, Client, ask_all
from tests.fleet.conftest import CLIENTS, Site
from tests.fleet.verbs import WITHDRAW

pytestmark = pytest.mark.fleet


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
