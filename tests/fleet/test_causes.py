"""Three states of real hosts, each with one cause and the fix that belongs to it: the same in every form of a status,
by the doctor, and in what a deploy says."""

from __future__ import annotations

import json

import pytest

from tests.fleet.breaks import Break, on
from tests.fleet.conftest import Site, eventually
from tests.fleet.said import fix, status, summary, words_of

pytestmark = pytest.mark.fleet

FORMS = ("text", "json", "html", "junit")
K3S = "/etc/rancher/k3s/registries.yaml"
FOREIGN = "configs:\n  registry.example.com:\n    tls:\n      ca_file: /etc/company.pem\n"
UPDATE = "/usr/sbin/update-ca-certificates"


def _started(site: Site) -> None:
    on("registry", "systemctl start docker")(site)
    # its container is back when somebody is served
    eventually(lambda: site.lab.exec("debian", "curl -sS https://registry.example.com/v2/").returncode == 0)


DOCKER = Break(
    "registry",
    "docker doesn't answer: ",
    "systemctl start docker",
    1,
    on("registry", "systemctl stop docker.socket docker.service"),
    _started,
)
FILE = Break(
    "arch-layout",
    f"{K3S}: configs.registry.example.com.tls.ca_file is another file than ours",
    "take it out, or take the store out of trust: {stores: ...}",
    1,
    on("arch-layout", f"mkdir -p /etc/rancher/k3s && cat >{K3S}", input=FOREIGN),
    on("arch-layout", "rm -r /etc/rancher"),
)
CERTIFICATES = Break(
    "debian12",
    "no row for this system (debian) among debian, ubuntu, ",
    "install ca-certificates, or add a row to anchorline/trust/stores/families.py",
    1,
    on("debian12", f"mv {UPDATE} {UPDATE}.away"),
    on("debian12", f"mv {UPDATE}.away {UPDATE}"),
)
STATES = [
    pytest.param(DOCKER, id="Docker is down", marks=pytest.mark.drill),
    pytest.param(FILE, id="k3s names another CA"),
    pytest.param(CERTIFICATES, id="no ca-certificates", marks=pytest.mark.drill),
]


@pytest.mark.parametrize("state", STATES)
def test_the_same_cause_and_fix_everywhere(deployed: Site, state: Break) -> None:
    with state(deployed):
        for form in FORMS:
            ran = status(deployed, "--format", form)
            assert ran.returncode == state.code, ran.stdout + ran.stderr
            # JUnit has its messages in attributes as well, the page has typographic quotes
            said = words_of(form, ran.stdout).replace("\u2019", "'")
            for words in (state.host, state.cause, state.fix):
                assert words.casefold() in said.casefold(), f"{words!r} is not in {form}:\n{said}"
            if form == "json":
                host = next(each for each in json.loads(ran.stdout)["hosts"] if each["name"] == state.host)
                [finding] = host["findings"]
                assert state.cause in finding["cause"]
                assert finding["fix"] == state.fix
        sick = deployed.deploy(step="anchorline.verify.doctor").failed(state.cause)
        assert state.cause in summary(sick)[state.host]
        assert fix(sick, state.host)[1] == state.fix
        said = " ".join(deployed.deploy().failed(state.cause, state.fix).err.split())
        assert "anchorline.verify.doctor" not in said, "who would only say the same again"
    after = status(deployed)
    assert after.returncode == 0, after.stdout
