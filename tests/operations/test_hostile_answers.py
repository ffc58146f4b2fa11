"""Random and hostile answers of one host among twenty, through the whole command line: it harms nobody but itself."""

from __future__ import annotations

import json
import re
import shlex
from base64 import b64encode
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from anchorline.authority import Anchor, stage
from anchorline.fleet import words
from anchorline.spec import load
from anchorline.trust.stores.families import FAMILIES
from tests.of_the_day import rounds

from .site import END, LOOK, Ran, Site

LIAR = "liar"
OTHERS = ("registry", *(f"h{number:02}" for number in range(18)))
OLD = "version: 1\nsite: blue\nauthority: {CN: Old CA}\n"
ROOMS = ("trust", "registry", "verify", "doctor", "report", "withdrawal", "clock", "machine", "end", "nonsense")
KINDS = (
    *("os", "family", "bundled", "unhashed", "elsewhere", "runtime", "file", "foreign", "marker", "hosts", "stale"),
    *("config", "content", "backup", "before", "large", "owned", "keystore", "holds", "kept", "passed", "sibling"),
    *("certificate", "bundle", "served", "unread", "container", "image", "at", "port", "data", "noted", "free"),
    *("started", "configured", "started-at", "external", "cut", "health", "clock", "address", "reachability", "rule"),
    *("proxy", "down", "curl", "denied", "label", "reader", "left", "version", "used", "repositories", "tags"),
)
MEANT = (
    *("debian", "fedora", "docker", "containerd", "k3s", "buildkit", "gitlab-runner", "java", "system", "nss", "evil"),
    *("ca", "also", "hashed", "add", "remove", "host", "container", "go", "-", "0", "1", "-1", "9" * 30, "1e9", "kept"),
    *("ok", "up", "down", "of", "blue", "running", "/etc/x", "/etc/rancher/k3s/registries.yaml", "MAA=", "M", "?"),
    *("/home/joe/.config/docker/certs.d/x/anchorline-blue-000000000000.crt", "/etc/buildkit/buildkitd.toml", "YTog"),
    *("0" * 64, "http://proxy:port", "http://[", "open", "refused", "../..", "x" * 5000, "\\0012", "\\0777", "a,b"),
)
BINARY = some.binary(max_size=12).map(lambda said: said.decode(errors="surrogateescape"))
WORD = some.one_of(some.sampled_from(MEANT), BINARY)
LINE = some.builds(
    lambda kind, parts, plain: " ".join([kind, *(parts if plain else map(words.encode, parts))]),
    some.sampled_from(KINDS),
    some.lists(WORD, max_size=6),
    some.booleans(),
)


@dataclass(frozen=True)
class Lie:
    """What is made of an honest answer: lines put into a room, lines taken out, a part cut off, one line repeated."""

    room: str
    lines: list[str]
    gone: list[int]
    cut: int | None
    repeated: int

    def told(self, honest: list[str]) -> list[str]:
        said = [line for number, line in enumerate(honest) if number not in {each % len(honest) for each in self.gone}]
        at = said.index(f"=== {self.room}") + 1 if f"=== {self.room}" in said else len(said) // 2
        said[at:at] = [line.replace("\n", "\r") for line in self.lines] * self.repeated
        return said[: self.cut]


LIES = some.builds(
    Lie,
    some.sampled_from(ROOMS),
    some.lists(LINE, max_size=8),
    some.lists(some.integers(0, 60), max_size=3),
    some.none() | some.integers(0, 40),
    some.sampled_from([1, 1, 1, 1, 300]),
)
RUNS = {
    "deploy": ("-y", "inventory", "deploy.py"),
    "plan": ("--dry", "inventory", "deploy.py"),
    "status": ("-y", "inventory", "anchorline.report.status"),
    "doctor": ("-y", "inventory", "anchorline.verify.doctor"),
    "withdraw": ("-y", "--data", "ca={ca}", "inventory", "anchorline.trust.withdraw"),
}


@dataclass(frozen=True)
class World:
    """A fleet of twenty whose last host's answer is to be replaced, and the verb that is run over it."""

    site: Site
    arguments: tuple[str, ...]
    honest: list[str]

    def run(self, *options: str) -> tuple[Ran, dict[str, Any]]:
        """The run and its report, which each has to write."""
        report = self.site.folder / "said.json"
        report.unlink(missing_ok=True)
        written = [word for what in ("plan", "report") for word in ("--data", f"{what}={report.name}")]
        ran = self.site.run(*options, "--data", "form=json", *written, *self.arguments)
        return ran, json.loads(report.read_text()) if report.exists() else {}


def world(site: Site, verb: str) -> World:
    site.settled(*OTHERS, LIAR)
    if verb in ("deploy", "plan"):
        site.new("h00", "h01")
    if verb == "withdraw":
        old = site.folder / "old/anchorline.yml"
        old.parent.mkdir()
        old.write_text(OLD)
        (anchor,) = stage(load(old)).anchors
        for host in (*OTHERS, LIAR):
            holds(site, host, anchor)
        return World(site, tuple(each.format(ca=anchor.sha256) for each in RUNS[verb]), _honest(site))
    return World(site, RUNS[verb], _honest(site))


def holds(site: Site, host: str, anchor: Anchor) -> None:
    body = "".join(anchor.pem.splitlines()[1:-1])
    lines = [f"certificate {body} {FAMILIES[0].path(anchor.name)}", f"marker ca {anchor.sha256}"]
    site.answers[host] = {LOOK: {"stdout": ["=== withdrawal", "os debian", "family debian", *lines, END]}}


def _honest(site: Site) -> list[str]:
    return [*site.answers[LIAR][LOOK]["stdout"]]


def harmless(world: World, verb: str, lie: Lie) -> None:
    """Try one lie. A lie that may be the truth is refused for all, with the way on; that way on is taken."""
    world.site.answers[LIAR] = {LOOK: {"stdout": lie.told(world.honest)}}
    ran, report = world.run()
    assert "Traceback" not in ran.said, ran.said
    assert ran.code in (0, 1, 2 * (verb == "status")), ran.said
    if "refused, and nothing was changed" in ran.said:
        assert set(ran.counts.values()) == {1}, "nothing beyond the look"
        found = re.search(r"the same command with `(--exclude [^`]+)`", " ".join(ran.said.split()))
        assert found, ran.said
        ran, report = world.run(*shlex.split(found[1]))
        assert ran.code == 0, ran.said
    hosts = {host["name"]: host for host in report["hosts"]}
    others = {name: host["health"] for name, host in hosts.items() if name != f"@fake/{LIAR}"}
    assert len(others) == len(OTHERS)
    assert {name: health for name, health in others.items() if health == "bad"} == {}, ran.said
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", re.sub(r"\x1b\[[0-9;]*[mK]", "", ran.said))


by_each_verb = pytest.mark.parametrize("verb", RUNS)
each_alike = settings(deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])


@pytest.fixture
def fleet(site: Site, verb: str) -> World:
    return world(site, verb)


@by_each_verb
@settings(each_alike, max_examples=20)
@given(LIES)
def test_it_harms_nobody_else(fleet: World, verb: str, lie: Lie) -> None:
    harmless(fleet, verb, lie)


@pytest.mark.drill
@pytest.mark.timeout(1800)
@by_each_verb
@settings(each_alike, max_examples=80 * len(rounds(5)))
@given(LIES)
def test_it_harms_nobody_else_often(fleet: World, verb: str, lie: Lie) -> None:
    harmless(fleet, verb, lie)


@by_each_verb
def test_without_a_lie_all_are_well(fleet: World, verb: str) -> None:
    """The control: what the others are measured by."""
    ran, report = fleet.run()
    assert ran.code == 0, ran.said
    assert len(report["hosts"]) == len(OTHERS) + 1
    bad = [*fleet.honest]
    bad[1:1] = ["marker ca 12"]
    if verb != "withdraw":
        fleet.site.answers["h05"] = {LOOK: {"stdout": bad}}
        ran, report = fleet.run()
        assert ran.code == (2 if verb == "status" else 1)
        assert {host["health"] for host in report["hosts"] if host["name"] == "@fake/h05"} <= {"bad", "unknown"}


def config(store: str, path: str, text: str) -> list[str]:
    return [f"config {store} 600 {path}", f"content {path} {b64encode(text.encode()).decode()}"]


BUILDKIT = ("buildkit", "/etc/buildkit/buildkitd.toml")
RUNNER = ("gitlab-runner", "/etc/gitlab-runner/config.toml")
K3S = ("k3s", "/etc/rancher/k3s/registries.yaml")
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in pairwise("abcdefghi")
)
SAMPLES = {
    "a CA that is no list": config(*BUILDKIT, '[registry."registry.example.com"]\nca = "x"\n'),
    "volumes that are no list": config(*RUNNER, '[[runners]]\n[runners.docker]\nvolumes = "x"\n'),
    "volumes of numbers": config(*RUNNER, "[[runners]]\n[runners.docker]\nvolumes = [1]\n"),
    "runners that are a table": config(*RUNNER, "[runners]\n[runners.docker]\n"),
    "a date that is none": config(*K3S, "mirrors: 2024-99-99\n"),
    "a number that is none": config(*K3S, "mirrors: !!int x\n"),
    "a control character": config(*K3S, "a: \x01\n"),
    "nested maps": config(*K3S, "".join(f"{' ' * depth}a:\n" for depth in range(500))),
    "a YAML bomb": config(*K3S, BOMB),
    "half a keystore": ["keystore java"],
    "another runtime": ["runtime evil /etc/x"],
    "a file without a path": ["file 00"],
    "base64 that is none": ["config k3s 600 /x", "content /x ?"],
    "a process that is none": ["stale x add host go / app"],
}


@pytest.mark.parametrize("verb", ["deploy"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_it_fails_alone(fleet: World, sample: str) -> None:
    said = [*fleet.honest]
    said[1:1] = SAMPLES[sample]
    fleet.site.answers[LIAR] = {LOOK: {"stdout": said}}
    ran, report = fleet.run()
    assert (ran.code, "Traceback" in ran.said) == (1, False), ran.said
    conditions = {host["name"]: host["condition"] for host in report["hosts"]}
    assert conditions.pop(f"@fake/{LIAR}") == "failed"
    assert set(conditions.values()) <= {"as declared", "changed", "verified"}, conditions


@pytest.mark.parametrize("verb", ["doctor"])
@pytest.mark.parametrize("url", ["http://proxy:port", "http://[", "//", "http://u:Secr3t@p:1/x", "p"])
def test_a_proxy_that_is_no_url_fails_its_host_alone(fleet: World, url: str) -> None:
    said = [*fleet.honest]
    said.insert(said.index("=== doctor") + 2, f"proxy - {url} -")
    fleet.site.answers[LIAR] = {LOOK: {"stdout": said}}
    ran, report = fleet.run()
    assert (ran.code, "Traceback" in ran.said) == (1, False), ran.said
    assert "who logs in asks the proxy" in ran.summary(LIAR)
    assert "Secr3t" not in ran.said + json.dumps(report)
    assert {host["health"] for host in report["hosts"] if host["name"] != f"@fake/{LIAR}"} == {"good"}
