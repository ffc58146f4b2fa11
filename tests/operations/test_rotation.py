"""The gate of a rotation over @fake hosts: who is waited for, what opens it, and what it costs."""

from __future__ import annotations

import json

import pytest

from anchorline.authority import stage, survey
from anchorline.authority.certificates import fingerprint
from anchorline.authority.rotation import promote, retire, rotate

from .site import SPEC, Site

FLEET = ("registry", "a", "b")


@pytest.fixture
def rotating(site: Site) -> Site:
    """A fleet that trusts the present CA and the next one, and has been proved since."""
    site.commit()
    rotate(site.spec).commit()
    site.settled(*FLEET)
    return site


def promoted(site: Site) -> bool:
    return (site.pki / "blue/previous/ca.pem").exists()


def ledger(site: Site) -> dict[str, tuple[bool, str]]:
    lines = map(json.loads, (site.pki / "blue/sightings.jsonl").read_text().splitlines())
    return {line["host"].removeprefix("@fake/"): (bool(line["seen"]), line["why"]) for line in lines}


def test_a_fleet_that_trusts_the_next_ca_is_handed_over_in_one_run(rotating: Site) -> None:
    ran = rotating.deploy()
    assert ran.code == 0, ran.said
    assert promoted(rotating)
    # the look and a proof each; the registry is restarted with its new certificate besides
    assert ran.counts == {"registry": 3, "a": 2, "b": 2}
    assert "registry: restart (another certificate)" in ran.summary("registry")


def test_a_host_that_does_not_trust_it_yet_is_changed_and_seen_in_the_same_run(site: Site) -> None:
    staged = site.commit()
    site.settled("registry", "a", staged=staged)
    rotate(site.spec).commit()
    site.settled("b")
    ran = site.deploy()
    assert ran.code == 0, ran.said
    assert promoted(site)
    assert ledger(site) == dict.fromkeys(FLEET, (True, ""))


@pytest.mark.parametrize("way", ["down", "unseen", "limit", "refusing"])
def test_the_gate_waits(rotating: Site, way: str) -> None:
    before = (rotating.pki / "blue/ca.pem").read_bytes(), (rotating.pki / "blue/server.pem").read_bytes()
    arguments, why = [], ""
    match way:
        case "down":
            rotating.answers["b"] = {"down": {}}
            why = "it can't be reached"
        case "unseen":
            rotating.says("b", stdout=[])
            why = "look: "
        case "limit":
            arguments = ["--limit", "@fake/registry", "--limit", "@fake/a"]
            why = "left out by --limit"
        case _:
            rotating.says("b", stdout=["=== trust", "os plan9", "=== verify", "=== end"])
            why = "trust: "
    ran = rotating.deploy(*arguments)
    assert ran.code == 1
    assert "rotation: held, 1 of 3 hosts not seen to trust CN=Blue CA G2" in ran.err
    assert f"@fake/b: {why}" in ran.err
    assert not promoted(rotating)
    assert ((rotating.pki / "blue/ca.pem").read_bytes(), (rotating.pki / "blue/server.pem").read_bytes()) == before
    assert ran.counts["a"] == 1, "no good host is changed or failed for the gate's sake"
    assert ledger(rotating)["a"] == (True, "")
    assert not ledger(rotating)["b"][0]

    # the others are remembered: only the one that was missing is needed
    rotating.settled("b")
    ran = rotating.deploy("--limit", "@fake/b", "--limit", "@fake/registry")
    assert ran.code == 0, ran.said
    assert promoted(rotating)


def test_a_host_that_is_gone_is_waived_by_name(rotating: Site) -> None:
    rotating.answers["b"] = {"down": {}}
    rotating.write(SPEC + "rotation: {without: ['@fake/b']}\n")
    ran = rotating.deploy()
    assert promoted(rotating)
    assert ran.code == 1, "it is down, and that is said"
    assert "rotation:" not in ran.err


def test_a_rollout_alone_adds_sightings_and_hands_nothing_over(rotating: Site) -> None:
    ran = rotating.run("-y", "inventory", "anchorline.trust.rollout")
    assert ran.code == 0, ran.said
    assert not promoted(rotating)
    assert ledger(rotating) == dict.fromkeys(FLEET, (True, ""))
    trace = rotating.trace()
    rotating.run("-y", "inventory", "anchorline.trust.rollout")
    assert rotating.trace() == trace, "what is known already isn't written again"


def test_without_the_next_key_the_hand_over_is_refused_and_trust_goes_on(rotating: Site) -> None:
    (rotating.pki / "blue/next/ca-key.pem").rename(rotating.folder / "away.pem")
    ran = rotating.deploy()
    assert ran.code == 1
    assert "next/ca-key.pem: the CA's key isn't here" in ran.err
    assert ran.counts == dict.fromkeys(FLEET, 1), "nothing was changed"
    assert rotating.run("-y", "inventory", "anchorline.trust.rollout").code == 0


def test_a_pipeline_that_issues_nothing_hands_nothing_over(rotating: Site) -> None:
    rotating.write(SPEC.replace("{CN: Blue CA}", "{CN: Blue CA, issue: explicit}"))
    trace = rotating.trace()
    ran = rotating.deploy()
    assert ran.code == 1
    assert "has no deploy issue anything" in ran.err
    assert rotating.trace() == trace


def test_explicit_says_the_command_and_issues_nothing(site: Site) -> None:
    site.new(*FLEET)
    site.write(SPEC.replace("{CN: Blue CA}", "{CN: Blue CA, issue: explicit}"))
    ran = site.deploy()
    assert ran.code == 1
    assert "anchorline pki issue --spec" in ran.err
    assert not site.pki.exists()


def test_dry_leaves_no_trace_of_a_rotation(rotating: Site) -> None:
    trace = rotating.trace()
    ran = rotating.run("--dry", "inventory", "deploy.py")
    assert ran.code == 0, ran.said
    assert rotating.trace() == trace


def test_a_certificate_that_another_checkout_issued_is_not_rolled_back(site: Site) -> None:
    site.settled(*FLEET)
    kept = {path: path.read_bytes() for path in (site.pki / "blue").iterdir() if path.is_file()}
    stage(site.spec, only=["server"], asked={"server": True}).commit()
    site.settled(*FLEET)
    for path, content in kept.items():
        path.write_bytes(content)
    ran = site.deploy()
    assert ran.code == 1
    assert "another checkout has renewed it" in ran.err
    assert ran.counts == dict.fromkeys(FLEET, 1)


def test_a_host_that_was_away_may_remember_a_ca_that_was_withdrawn(rotating: Site) -> None:
    old = rotating.answers["a"]
    promote(rotating.spec).commit()
    retire(rotating.spec, fingerprint(survey(rotating.spec).generations["previous/ca"].root))
    rotating.settled("registry", "b")
    rotating.answers["a"] = old
    ran = rotating.deploy()
    assert ran.code == 0, ran.said
