"""The gate of a rotation over @fake hosts: who is waited for, what opens it, and what it costs."""

from __future__ import annotations

import json
import shutil

import pytest

from anchorline.authority import stage, survey
from anchorline.authority.certificates import fingerprint
from anchorline.authority.generations import promote, retire, rotate

from .site import LOOK, SPEC, Site

FLEET = ("registry", "a", "b")


@pytest.fixture
def rotating(site: Site) -> Site:
    """A fleet that trusts the present CA and the next one, and has been verified since."""
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
    # the probe and a verification each; the registry is restarted with its new certificate besides
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
    old = "stale 7 add host go /system.slice/app.service app"
    rotating.answers["a"][LOOK]["stdout"].insert(1, old)
    match way:
        case "down":
            rotating.answers["b"] = {"down": {}}
            why = "it can't be reached"
        case "unseen":
            rotating.says("b", stdout=[])
            why = "probe: "
        case "limit":
            arguments = ["--limit", "@fake/registry", "--limit", "@fake/a"]
            why = "left out by --limit"
        case _:
            rotating.says("b", stdout=["=== trust", "os plan9", "=== verify", "=== end"])
            why = "trust: "
    ran = rotating.deploy(*arguments)
    assert ran.code == 1
    assert "rotation: blocked, 1 of 3 hosts not seen to trust CN=Blue CA G2" in ran.err
    assert f"@fake/b: {why}" in ran.err
    assert "processes with the roots of before run on @fake/a" in ran.err
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
    assert "run `anchorline pki issue` where pki/ is kept" in ran.err
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


def test_a_rotation_of_another_checkout_is_not_doubled(site: Site) -> None:
    """The fleet knows the next CA of the one; the other, with no next CA or with one of its own, refuses."""
    site.commit()
    shutil.copytree(site.pki, site.folder / "other")
    rotate(site.spec).commit()
    site.settled(*FLEET)
    assert site.run("--dry", "inventory", "deploy.py").code == 0, "the one that made it goes on"
    shutil.rmtree(site.pki)
    shutil.copytree(site.folder / "other", site.pki)
    for _ in range(2):
        before = site.trace()
        ran = site.deploy()
        assert ran.code == 1
        assert "doesn't know the CA" in ran.err
        assert "run from the checkout that has it" in ran.err
        assert ran.counts == dict.fromkeys(FLEET, 1)
        assert site.trace() == before
        if not (site.pki / "blue/next").exists():
            rotate(site.spec).commit()


@pytest.fixture
def keyless(site: Site) -> Site:
    """A settled fleet, and a machine that has no key at all."""
    site.settled(*FLEET)
    for key in site.pki.rglob("*-key.pem"):
        key.unlink()
    return site


def kept(site: Site) -> dict[str, tuple[int, bytes]]:
    """What a run may not touch: everything, for there is nothing to write."""
    assert not list(site.pki.rglob("*-key.pem"))
    return site.trace()


def test_without_any_key_an_unchanged_deploy_goes_on(keyless: Site) -> None:
    before = kept(keyless)
    ran = keyless.deploy()
    assert ran.code == 0, ran.said
    assert ran.counts == dict.fromkeys(FLEET, 1)
    assert kept(keyless) == before


def test_without_any_key_trust_is_rolled_out_to_a_new_host(keyless: Site) -> None:
    before = kept(keyless)
    keyless.new("c")
    ran = keyless.run("-y", "inventory", "anchorline.trust.rollout")
    assert ran.code == 0, ran.said
    assert ran.counts == {**dict.fromkeys(FLEET, 1), "c": 2}
    assert "changed system store" in ran.summary("c")
    assert kept(keyless) == before


MORE = SPEC.replace("certificates: {", "certificates: {other: {hosts: [other.example.com]}, ")


@pytest.mark.parametrize("step", ["deploy.py", "anchorline.trust.rollout", "anchorline.authority.issue"])
def test_without_the_cas_key_what_has_to_issue_says_so_and_touches_nothing(keyless: Site, step: str) -> None:
    before = kept(keyless)
    keyless.new("c")
    keyless.write(MORE)
    ran = keyless.run("-y", "inventory", step)
    assert ran.code == 1
    key = keyless.spec.pki / "ca-key.pem"
    assert f"{key.name}: the CA's key isn't here, but to be issued: other (not issued yet)" in ran.err
    assert "restore it, or issue where it is" in ran.err
    assert all(count == 1 for count in ran.counts.values()), "no host was changed"
    assert "Traceback" not in ran.said
    assert kept(keyless) == before


def test_without_the_leafs_key_the_registry_is_not_begun(keyless: Site) -> None:
    """A new registry needs its key, which is found before anything is changed; trust alone does not."""
    before = kept(keyless)
    keyless.new("registry", "c")
    ran = keyless.deploy()
    assert ran.code == 1
    assert "server-key.pem: the key of server isn't here; restore it, or deploy where it is" in ran.err
    assert all(count == 1 for count in ran.counts.values())
    assert kept(keyless) == before


@pytest.mark.parametrize(
    ("word", "said"), [("", "set ANCHORLINE_PASSPHRASE"), ("wrong", "is not this key's passphrase")]
)
def test_a_deploy_with_a_passphrase_that_is_none(
    site: Site, monkeypatch: pytest.MonkeyPatch, word: str, said: str
) -> None:
    monkeypatch.setenv("ANCHORLINE_PASSPHRASE", "secret")
    site.settled(*FLEET)
    site.write(MORE)
    monkeypatch.setenv("ANCHORLINE_PASSPHRASE", word)
    before = site.trace()
    ran = site.deploy()
    assert ran.code == 1
    assert said in ran.err
    assert all(count == 1 for count in ran.counts.values())
    assert site.trace() == before
    site.write(SPEC)
    assert site.deploy().code == 0, "where no key is read, none is asked for"


def test_a_spec_that_takes_away_the_registrys_own_name(site: Site) -> None:
    site.settled(*FLEET)
    site.write(SPEC.replace("CN: registry.example.com, hosts: [registry.", "CN: hub.example.com, hosts: [hub."))
    before = site.trace()
    ran = site.deploy()
    assert ran.code == 1
    assert "ANC123" in ran.err
    assert ran.counts == {}
    assert site.trace() == before
