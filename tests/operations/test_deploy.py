"""The whole deployment, by the real command line, over @fake hosts: what runs where, and what a run ends with."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from .site import LOOK, SPEC, Site

FLEET = ("registry", "a", "b", "c")
PROOF = "docker pulled; curl pulled (0.0 s)"


def test_an_unchanged_fleet_is_asked_once(site: Site) -> None:
    site.settled(*FLEET)
    before = site.trace()
    ran = site.deploy()
    assert ran.code == 0, ran.said
    assert ran.counts == dict.fromkeys(FLEET, 1), "one look, at the registry's host too"
    assert all(ran.summary(host) == f"@fake/{host} as declared" for host in FLEET)
    assert "4 hosts: 4 well, 0 failed, 0 unreachable" in ran.err
    assert site.trace() == before


def test_a_first_rollout(site: Site) -> None:
    site.new(*FLEET)
    ran = site.deploy()
    assert ran.code == 0, ran.said
    beyond_verify = {
        host: [text for _, text in told if "push_docker" not in text] for host, told in ran.commands.items()
    }
    assert {host: len(told) for host, told in beyond_verify.items()} == {"registry": 3, "a": 2, "b": 2, "c": 2}
    assert all(LOOK in told[0] and "hosts_entry" in told[1] for told in beyond_verify.values())
    assert ran.summary("a") == f"@fake/a changed system store, docker {PROOF}"
    assert ran.summary("registry").startswith("@fake/registry changed system store, docker; registry: create")
    assert {"ca.pem", "ca-key.pem", "server.pem", "server-key.pem"} <= {path.name for path in site.pki.rglob("*.pem")}


def test_only_what_changed_is_changed(site: Site) -> None:
    """A host joins, another one has lost its stamp: the others are left alone."""
    staged = site.commit()
    site.settled("registry", "a", "b", staged=staged)
    site.new("c")
    answer = site.answers["b"][LOOK]["stdout"]
    del answer[answer.index("=== verify") + 1]
    ran = site.deploy()
    assert ran.code == 0, ran.said
    assert ran.counts == {"registry": 1, "a": 1, "b": 2, "c": 3}
    assert ran.summary("b") == f"@fake/b verified {PROOF}"


UNKNOWN = {
    "a script that fails": ({"stderr": ["sh: out of memory"], "success": False}, "sh: out of memory"),
    "half an answer": ({"stdout": ["=== trust", "os debian", "=== veri"]}, ""),
    "silence": ({"stdout": []}, ""),
    "noise": ({"stdout": ["=== trust", "=== verify", "=== end"]}, "says nothing of its system"),
    "a damaged marker": (
        {"stdout": ["=== trust", "os debian", "family debian", "marker ca 12", "=== verify", "=== end"]},
        "/var/lib/anchorline/sites/blue/anchors",
    ),
    "a hang": ({"hangs": True}, "no answer within 120 s"),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_host_that_cannot_be_seen_fails_alone(site: Site, kind: str) -> None:
    answer, cause = UNKNOWN[kind]
    site.new("registry", "a")
    site.answers["b"] = {LOOK: answer}
    ran = site.deploy()
    assert ran.code == 1
    assert ran.counts["b"] == 1, "nothing else is run on it"
    assert ran.summary("b").startswith("@fake/b failed probe: ")
    assert cause in ran.summary("b")
    assert ran.counts["a"] == 3, "the others go on"
    assert ran.summary("a").startswith("@fake/a changed ")
    assert "3 hosts: 2 well, 1 failed, 0 unreachable" in ran.err
    assert "Traceback" not in ran.said


LOUD = ("-vvv", "--debug", "--diff")


@pytest.mark.parametrize("kind", ["well", "broken off", "no answer"])
def test_what_the_look_sees_is_never_shown(site: Site, kind: str) -> None:
    """Others' files may hold passwords: what a host says to the probe stays in memory, and so does what it is told."""
    site.settled("registry", "a")
    answer = site.answers["a"][LOOK]
    answer["stdout"].insert(2, "config password = hunter2")
    if kind != "well":
        answer["stdout"] = answer["stdout"][:3]
        answer["success"] = kind != "no answer"
    ran = site.deploy(*LOUD)
    assert ran.code == (0 if kind == "well" else 1), ran.said
    assert ">>> " in ran.err, "or it isn't loud, and this proves nothing"
    assert "hunter2" not in ran.said
    ca = next(site.pki.rglob("ca.pem")).read_text().splitlines()[1]
    assert ca not in ran.said


def test_what_a_change_says_is_shown_where_it_is_asked_for(site: Site) -> None:
    """The control of the test above: a change's own words are there."""
    site.new("registry", "a")
    site.answers["a"]["hosts_entry"] = {"stdout": ["updating 12 files"]}
    assert "updating 12 files" in site.deploy("-vvv").err
    assert "updating 12 files" not in site.deploy().err


def test_a_host_that_is_down_fails_alone(site: Site) -> None:
    site.new("registry", "a")
    site.answers["b"] = {"down": {}}
    ran = site.deploy()
    assert ran.code == 1
    assert "b" not in ran.counts
    assert ran.summary("b") == "@fake/b unreachable no route to host"
    assert ran.counts["a"] == 3


def test_a_host_whose_stores_refuse_fails_alone(site: Site) -> None:
    site.new("registry", "a", "b")
    refuses = {"hosts_entry": {"stderr": ["updating", "the bundle doesn't hold it"], "success": False}}
    site.answers["b"] = {LOOK: site.answers["b"][LOOK], **refuses}
    ran = site.deploy()
    assert ran.code == 1
    assert ran.summary("b") == "@fake/b failed trust: the bundle doesn't hold it"
    assert ran.counts == {"registry": 4, "a": 3, "b": 2}, "no verification from a host that doesn't trust"


def test_a_system_without_a_row_fails_alone(site: Site) -> None:
    site.new("registry", "a")
    site.says("b", stdout=["=== trust", "os nixos", "=== verify", "=== end"])
    ran = site.deploy()
    assert ran.code == 1
    assert "no row for this system (nixos)" in ran.summary("b")
    assert (ran.counts["b"], ran.counts["a"]) == (1, 3)


def off_by(site: Site, seconds: int, *hosts: str) -> None:
    for host in hosts:
        lines = site.answers[host][LOOK]["stdout"]
        lines[-1:] = ["=== clock", str(int(time.time()) + seconds), "=== end"]


def test_nothing_is_issued_by_a_wrong_clock(site: Site) -> None:
    site.new(*FLEET)
    off_by(site, 3600, *FLEET)
    ran = site.deploy()
    assert ran.code == 1
    assert "this machine's clock is 1 h 0 min behind that of 4 of 4 hosts" in ran.err
    assert not site.pki.exists()
    site.settled(*FLEET)
    off_by(site, 3600, *FLEET)
    assert site.deploy().code == 0, "where nothing is to be issued it is no matter"


def test_a_host_whose_clock_is_wrong_is_told(site: Site) -> None:
    site.new(*FLEET)
    off_by(site, -4000, "a")
    ran = site.deploy()
    assert ran.code == 0, ran.said
    assert "its clock is 1 h 7 min behind: a new certificate may not be valid there yet" in ran.summary("a")


def test_as_many_failures_as_the_limits_allow_do_not(site: Site) -> None:
    site.write(SPEC + "limits: {failed: 60%}\n")
    site.new("registry", "a")
    for host in ("b", "c", "d"):
        site.says(host, stdout=[], stderr=["no"], success=False)
    ran = site.deploy()
    assert ran.code == 1
    assert ran.counts == {"registry": 4, "a": 3, "b": 1, "c": 1, "d": 1}


def test_dry_leaves_no_trace(site: Site) -> None:
    site.new(*FLEET)
    ran = site.run("--dry", "inventory", "deploy.py")
    assert ran.code == 0, ran.said
    assert ran.counts == dict.fromkeys(FLEET, 1)
    assert not site.pki.exists()
    assert ran.summary("a").startswith("@fake/a would change system store, docker")


def test_dry_over_a_settled_fleet_would_change_nothing(site: Site) -> None:
    site.settled(*FLEET)
    before = site.trace()
    ran = site.run("--dry", "inventory", "deploy.py")
    assert ran.code == 0, ran.said
    assert ran.summary("a") == "@fake/a as declared"
    assert site.trace() == before


def test_json_is_pure(site: Site) -> None:
    site.settled("registry", "a")
    site.new("b")
    ran = site.deploy("--json")
    assert ran.code == 0, ran.said
    told = json.loads(ran.out)
    assert "results" in told
    assert ran.summary("b").startswith("@fake/b changed")
    # a failure is told there too, and doesn't spoil it
    site.says("b", stdout=[], stderr=["no"], success=False)
    ran = site.deploy("--json")
    assert ran.code == 1
    json.loads(ran.out)


def test_json_alone_shows_the_plan_and_is_not_done(site: Site) -> None:
    site.new("registry", "a")
    ran = site.run("--json", "inventory", "deploy.py")
    assert ran.code == 1, "0 would mean that it is done"
    json.loads(ran.out)
    assert not site.pki.exists()
    dry = site.run("--json", "--dry", "inventory", "deploy.py")
    assert dry.code == 0, dry.said
    json.loads(dry.out)


@pytest.mark.parametrize("name", ["inventory/", "./inventory", "inventory/hosts.py"])
def test_the_inventorys_names(site: Site, name: str) -> None:
    site.settled("registry", "a")
    ran = site.run("-y", name, "deploy.py")
    assert ran.code == 0, ran.said
    assert ran.counts == {"registry": 1, "a": 1}


@pytest.mark.parametrize(
    ("step", "counts"),
    [
        ("anchorline.trust.rollout", {"registry": 2, "a": 2, "b": 2}),
        ("anchorline.registry.serve", {"registry": 2, "a": 1, "b": 1}),
        ("anchorline.verify.clients", {"registry": 2, "a": 2, "b": 2}),
    ],
)
def test_a_step_alone(site: Site, step: str, counts: dict[str, int]) -> None:
    site.new("registry", "a", "b")
    ran = site.run("-y", "inventory", step)
    assert ran.code == 0, ran.said
    assert ran.counts == counts
    assert (site.pki / "blue/ca-key.pem").exists(), "each step stages the authority first"
    site.settled("registry", "a", "b")
    again = site.run("-y", "inventory", step)
    assert again.code == 0, again.said
    assert again.counts == {"registry": 1, "a": 1, "b": 1}


def test_trust_alone(site: Site) -> None:
    site.write("version: 1\nsite: blue\nauthority: {CN: Blue CA}\n")
    site.new("a", "b")
    ran = site.deploy()
    assert ran.code == 0, ran.said
    assert ran.counts == {"a": 2, "b": 2}
    assert ran.summary("a") == "@fake/a changed system store"
    site.settled("a", "b")
    assert site.deploy().counts == {"a": 1, "b": 1}


def test_a_local_registry(site: Site) -> None:
    site.write("version: 1\nsite: blue\nauthority: {CN: Blue CA}\nregistry: {mode: local, address: 'localhost:5000'}\n")
    site.new("registry", "a")
    ran = site.deploy()
    assert ran.code == 0, ran.said
    assert ran.counts == {"registry": 4, "a": 2}
    create = next(text for _, text in ran.commands["registry"] if "--publish" in text)
    assert "--publish=127.0.0.1:5000:5000" in create
    assert "REGISTRY_HTTP_TLS" not in create


def test_another_sites_spec(site: Site) -> None:
    (site.folder / "staging.yml").write_text(SPEC.replace("site: blue", "site: staging"))
    site.new("registry", "a")
    ran = site.deploy("--data", "spec=staging.yml")
    assert ran.code == 0, ran.said
    assert [path.name for path in site.pki.iterdir() if path.is_dir()] == ["staging"]


def test_no_secret_in_what_is_sent_or_said(site: Site) -> None:
    site.new("registry", "a")
    ran = site.deploy("-vvv", "--debug", "--diff")
    assert ran.code == 0, ran.said
    sent = ran.said + json.dumps(ran.commands)
    for key in site.pki.rglob("*-key.pem"):
        lines = key.read_text().splitlines()
        assert len(lines) > 2
        for line in lines[1:-1]:
            assert line not in sent
    assert "anchorline-blue-" in sent, "the log is the whole log"


@pytest.mark.parametrize(
    ("modules", "loads"),
    [
        ("anchorline.spec, anchorline.authority", False),
        ("anchorline.cli.main", False),
        ("anchorline.fleet", True),
    ],
)
def test_the_pure_rooms_load_no_pyinfra(modules: str, loads: bool) -> None:
    text = f"import sys, {modules}; print([name for name in sys.modules if name in ('pyinfra', 'gevent', 'paramiko')])"
    said = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout
    assert (said != "[]\n") == loads
