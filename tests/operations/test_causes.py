"""One cause, and the one fix that belongs to it, whoever comes upon it: in every form of a status, by the doctor, and
at the end of a deploy."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from .site import LOOK, SPEC, Site

FORMS = ("text", "json", "junit", "html", "markdown", "prometheus")
K3S = "/etc/rancher/k3s/registries.yaml"
SAID = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"


@dataclass(frozen=True)
class State:
    """One way in which a host isn't as declared: how its answer to the probe differs, and what is said of it."""

    host: str
    change: Callable[[list[str]], list[str]]
    cause: str
    fix: str
    place: str = ""


def _stopped(lines: list[str]) -> list[str]:
    begin = lines.index("=== registry")
    end = next(number for number, line in enumerate(lines[begin + 1 :], begin + 1) if line.startswith("=== "))
    refused = ["address 192.0.2.10", "reachability refused", "curl 7", f"down docker {SAID}"]
    kept = [*lines[:begin], "=== registry", f"runtime down {SAID}", *lines[end:]]
    kept = [line for line in kept if line.split()[0] not in ("address", "reachability", "served", "curl")]
    clock = next(number for number, line in enumerate(kept) if line.startswith("clock "))
    return [*kept[: clock + 1], *refused, *kept[clock + 1 :]]


def _foreign(lines: list[str]) -> list[str]:
    body = b64encode(b"configs:\n  registry.example.com:\n    tls: {ca_file: /etc/company.pem}\n").decode()
    return [lines[0], f"config k3s 644 {K3S}", f"content {K3S} {body}", *lines[1:]]


STATES = {
    "Docker is down": State(
        "registry", _stopped, f"docker doesn't answer: {SAID}", "systemctl start docker", "on the host"
    ),
    "k3s names another CA": State(
        "a",
        _foreign,
        f"{K3S}: configs.registry.example.com.tls.ca_file is another file than ours",
        "take it out, or take the store out of trust: {stores: ...}",
    ),
    "no ca-certificates": State(
        "b",
        lambda lines: [line for line in lines if line != "family debian"],
        "or its update command is missing",
        "install ca-certificates, or add a row to anchorline/trust/stores/families.py",
    ),
}


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest, site: Site) -> State:
    """A fleet of which one host is in that state."""
    found = STATES[request.param]
    site.settled("registry", "a", "b")
    lines = site.answers[found.host][LOOK]["stdout"]
    lines[:] = found.change([*lines])
    return found


def words_of(form: str, said: str) -> str:
    """The text of a form, without its marks and on one line."""
    if form in ("html", "markdown", "junit"):
        attributes = " ".join(re.findall('="(.*?)"', said))  # JUnit has its messages there
        said = html.unescape(re.sub(r"<[^>]*>", " ", said.replace("&#10;", " ")) + attributes)
    if form in ("json", "prometheus"):
        said = said.replace('\\"', '"')
    return " ".join(said.split())


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_a_status(site: Site, state: State, form: str) -> None:
    ran = site.run("-y", "--data", f"form={form}", "inventory", "anchorline.report.status")
    assert ran.code == 1, ran.said
    said = words_of(form, ran.out).replace("\u2019", "'")
    for words in (f"@fake/{state.host}", state.cause, state.fix):
        assert words.casefold() in said.casefold(), f"{words!r} is not in {form}:\n{said}"


def test_it_stands_alone(site: Site, state: State) -> None:
    """No second line for the same, no rollout that would fail by it, and no text that was cut."""
    ran = site.run("-y", "--data", "form=json", "inventory", "anchorline.report.status")
    host = next(each for each in json.loads(ran.out)["hosts"] if each["name"] == f"@fake/{state.host}")
    [finding] = host["findings"]
    assert state.cause in finding["cause"]
    assert (finding["fix"], finding["where"]) == (state.fix, state.place)


def test_the_doctor(site: Site, state: State) -> None:
    ran = site.run("-y", "--data", "report=doctor.json", "inventory", "anchorline.verify.doctor")
    assert ran.code == 1, ran.said
    report = json.loads((site.folder / "doctor.json").read_text())
    host = next(each for each in report["hosts"] if each["name"] == f"@fake/{state.host}")
    [finding] = host["findings"]
    assert finding["cause"].startswith("doctor: ")
    assert state.cause in finding["cause"]
    assert (finding["fix"], finding["where"]) == (state.fix, state.place)
    assert state.cause in " ".join(ran.err.split())
    assert f"{state.place or 'next'}: {state.fix}" in ran.err


def test_a_deploy(site: Site, state: State) -> None:
    """It fails by the same, and sends nobody to the doctor, who would only say it again."""
    ran = site.deploy("--data", "report=deploy.json")
    assert ran.code == 1
    said = " ".join(ran.said.split())
    assert state.cause in said
    assert state.fix in said
    assert "anchorline.verify.doctor" not in said


def test_what_says_no_fix_has_the_doctor(site: Site) -> None:
    """A script's own words are a cause, and the doctor tells more of it."""
    site.write(SPEC.replace("authority: {CN: Blue CA}", "authority: {CN: Blue CA}\nlimits: {failed: 100%}"))
    site.settled("registry", "a")
    lines = site.answers["a"][LOOK]["stdout"]
    lines[:] = [line for line in lines if not line.startswith("bundled")]
    site.answers["a"]["update-ca-certificates"] = {"success": False, "stderr": ["can't write: disk full; and: so"]}
    ran = site.deploy("--data", "report=deploy.json")
    assert ran.code == 1, ran.said
    report = json.loads((site.folder / "deploy.json").read_text())
    [finding] = next(each for each in report["hosts"] if each["name"] == "@fake/a")["findings"]
    assert finding["cause"] == "trust: can't write: disk full; and: so"
    assert finding["fix"] == "pyinfra --limit @fake/a inventory anchorline.verify.doctor".replace(" --", " -y --", 1)
