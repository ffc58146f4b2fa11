"""Renewal, rekeying and rotation over the real store: what is kept, what is refused, and what a crash leaves."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from anchorline.authority import sightings, stage
from anchorline.authority.certificates import fingerprint
from anchorline.authority.generations import promote, retire, rotate
from anchorline.authority.store import Store
from anchorline.errors import AuthorityError, PassphraseError
from anchorline.spec.model import Renewal, Rotation, Spec
from tests.unit.disk import failure
from tests.unit.sites import NOW, assert_pairs, ca_keys, declare, journal, pem, snapshot

DAY = timedelta(days=1)


def test_a_rotation_from_its_begin_to_its_end(spec: Spec) -> None:
    old, leaf = pem(spec, "ca"), pem(spec, "server")
    rotate(spec, NOW).commit()
    new = pem(spec, "next/ca")
    assert new.subject.rfc4514_string() == "CN=Fleet CA G2"
    staged = stage(spec, NOW)
    assert staged.changes == ()
    assert (staged.ca, staged.next) == (old, new)
    assert {anchor.sha256 for anchor in staged.anchors} == {fingerprint(old), fingerprint(new)}

    promotion = promote(spec, NOW)
    assert promotion.ca == new
    assert promotion.anchors == staged.anchors, "hosts have nothing to change"
    promotion.commit()
    assert (pem(spec, "ca"), pem(spec, "previous/ca"), pem(spec, "previous/server")) == (new, old, leaf)
    assert not (spec.pki / "next").exists()
    pem(spec, "server").verify_directly_issued_by(new)
    after = stage(spec, NOW)
    assert (after.changes, after.anchors) == ((), staged.anchors)
    assert_pairs(spec)

    retire(spec, fingerprint(new))
    assert (spec.pki / "previous/ca.pem").exists(), "only the previous one is put away"
    retire(spec, fingerprint(old))
    assert pem(spec, f"retired/{fingerprint(old)[:12]}/ca") == old
    assert not (spec.pki / "previous/ca.pem").exists()
    last = stage(spec, NOW)
    assert [anchor.sha256 for anchor in last.anchors] == [fingerprint(new)]
    assert fingerprint(old)[:12] in last.known, "a host that was away may still remember it"
    assert len(ca_keys(spec)) == 2
    rotate(spec, NOW).commit()
    assert pem(spec, "next/ca").subject.rfc4514_string() == "CN=Fleet CA G3"


def test_each_generation_is_strict(spec: Spec) -> None:
    rotate(spec, NOW).commit()
    promote(spec, NOW).commit()
    for ca, leaf, fits in (
        ("ca", "server", True),
        ("previous/ca", "previous/server", True),
        ("ca", "previous/server", False),
        ("previous/ca", "server", False),
    ):
        files = [str(spec.pki / f"{name}.pem") for name in (ca, leaf)]
        command = ["openssl", "verify", "-x509_strict", "-attime", str(int(NOW.timestamp())), "-CAfile", *files]
        assert (subprocess.run(command, check=False, capture_output=True).returncode == 0) is fits, (ca, leaf)
        if fits:
            lint = [str(Path(sys.executable).with_name("lint_pkix_signer_signee_cert_chain")), "lint", "-s", "WARNING"]
            linted = subprocess.run([*lint, *files], check=False, capture_output=True, text=True)
            assert (linted.returncode, linted.stdout.strip()) == (0, ""), linted


def test_what_no_rotation_may_do(spec: Spec) -> None:
    def refused(words: str, what: Callable[[], object]) -> None:
        before = snapshot(spec.folder)
        with pytest.raises(AuthorityError, match=words):
            what()
        assert snapshot(spec.folder) == before

    refused("no rotation stands", lambda: promote(spec, NOW))
    rotate(spec, NOW).commit()
    refused("a rotation stands already", lambda: rotate(spec, NOW))
    (spec.pki / "next/ca-key.pem").rename(spec.folder / "away")
    refused("the next CA's key isn't here|the CA's key isn't here", lambda: promote(spec, NOW))
    assert stage(spec, NOW).changes == (), "trust goes on without the key"
    (spec.folder / "away").rename(spec.pki / "next/ca-key.pem")
    promote(spec, NOW).commit()
    refused("the last rotation isn't over", lambda: rotate(spec, NOW))


def test_the_next_key_is_kept_as_the_others_are(tmp_path: Path) -> None:
    spec = declare(tmp_path)
    stage(spec, NOW, passphrase="secret").commit()
    for wrong in ("", "another"):
        with pytest.raises(PassphraseError):
            rotate(spec, NOW, passphrase=wrong)
    rotate(spec, NOW, passphrase="secret").commit()
    assert b"ENCRYPTED" in (spec.pki / "next/ca-key.pem").read_bytes()


def test_a_changed_authority_section_is_the_next_ca(spec: Spec) -> None:
    changed = spec.model_copy(update={"authority": spec.authority.model_copy(update={"CN": "Other CA"})})  # type: ignore[union-attr]
    with pytest.raises(AuthorityError, match="anchorline pki rotate"):
        stage(changed, NOW)
    rotate(changed, NOW).commit()
    assert pem(spec, "next/ca").subject.rfc4514_string() == "CN=Other CA"
    assert stage(changed, NOW).changes == ()
    with pytest.raises(AuthorityError, match="differs from this CA"):
        stage(spec, NOW)
    promote(changed, NOW).commit()
    assert stage(changed, NOW).changes == ()


def test_an_ended_ca_is_followed_by_the_next(spec: Spec) -> None:
    later = NOW + 3700 * DAY
    with pytest.raises(AuthorityError, match="anchorline pki rotate"):
        stage(spec, later)
    rotate(spec, later).commit()
    promote(spec, later).commit()
    assert stage(spec, later).changes == ()


@pytest.mark.parametrize("rekey", [True, False])
def test_renew_keeps_the_key_and_rekey_makes_one(spec: Spec, rekey: bool) -> None:
    key, leaf = (spec.pki / "server-key.pem").read_bytes(), pem(spec, "server")
    stage(spec, NOW + DAY, only=["server"], asked={"server": rekey}).commit()
    assert ((spec.pki / "server-key.pem").read_bytes() != key) is rekey
    assert pem(spec, "server") != leaf
    assert pem(spec, "previous/server") == leaf
    assert (spec.pki / "previous/server-key.pem").read_bytes() == key
    line = journal(spec)[-1]
    assert (line["name"], line["replaces"], line["profile"]) == ("server", fingerprint(leaf), "server")
    assert line["by"]["user"]
    assert line["by"]["host"]


def test_the_journal_is_added_to_and_made_again(spec: Spec) -> None:
    first = (spec.pki / "issued.jsonl").read_text()
    assert [line["name"] for line in journal(spec)] == ["ca", "server"]
    stage(spec, NOW, only=["server"], asked={"server": False}).commit()
    assert (spec.pki / "issued.jsonl").read_text().startswith(first)
    old = {line["sha256"]: line for line in journal(spec)}
    replaced = [line for line in old.values() if line["replaced_by"]]
    assert [old[line["replaced_by"]]["sha256"] for line in replaced] == [fingerprint(pem(spec, "server"))]

    (spec.pki / "issued.jsonl").write_text(first[:100])
    stage(spec, NOW + DAY, only=["server"], asked={"server": False}).commit()
    lines = journal(spec)
    assert {line["name"] for line in lines if line["by"] is None} == {"ca", "server", "previous/server"}
    assert (spec.pki / "issued.jsonl").read_text().startswith(first[:100]), "what was there is never taken away"


def test_a_lost_journal_is_made_again_from_every_file(spec: Spec) -> None:
    """Of all generations: a registry may still serve what was replaced."""
    stage(spec, NOW, only=["server"], asked={"server": True}).commit()
    rotate(spec, NOW).commit()
    promote(spec, NOW).commit()
    retire(spec, fingerprint(pem(spec, "previous/ca")))
    here = {fingerprint(x509.load_pem_x509_certificate(path.read_bytes())) for path in certificates_of(spec)}
    assert len(here) == 4
    (spec.pki / "issued.jsonl").unlink()
    assert here <= stage(spec, NOW).known
    stage(spec, NOW, only=["server"], asked={"server": True}).commit()
    assert here < {line["sha256"] for line in journal(spec)}
    by = {line["name"]: line["profile"] for line in journal(spec) if line["by"] is None}
    assert by["previous/server"] == "server"


def certificates_of(spec: Spec) -> list[Path]:
    return [path for path in spec.pki.rglob("*.pem") if not path.name.endswith("-key.pem")]


def test_the_journal_tells_who_and_where(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    def by() -> dict[str, str]:
        stage(spec, NOW, only=["server"], asked={"server": False}).commit()
        found: dict[str, str] = journal(spec)[-1]["by"]
        return found

    for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "CI_JOB_URL", "BUILD_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOGNAME", "somebody")
    assert by() == {"user": "somebody", "host": socket.gethostname(), "commit": "", "pipeline": ""}
    for command in ("init -q", "-c user.name=a -c user.email=a@example.com commit -q --allow-empty -m begun"):
        subprocess.run(["git", "-C", str(spec.folder), *command.split()], check=True)
    head = ["git", "-C", str(spec.folder), "rev-parse", "HEAD"]
    commit = subprocess.run(head, check=True, capture_output=True, text=True).stdout.strip()
    assert by()["commit"] == commit
    pipelines = {"CI_JOB_URL": "https://lab.example.com/jobs/7", "BUILD_URL": "https://jenkins.example.com/8/"}
    for name, address in pipelines.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, address)
            assert by()["pipeline"] == address
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://hub.example.com")
    assert by()["pipeline"] == "", "a part is no address"
    monkeypatch.setenv("GITHUB_REPOSITORY", "fleet/pki")
    monkeypatch.setenv("GITHUB_RUN_ID", "9")
    assert by()["pipeline"] == "https://hub.example.com/fleet/pki/actions/runs/9"


def test_the_old_pair_is_kept_once(spec: Spec) -> None:
    stage(spec, NOW, only=["server"], asked={"server": True}).commit()
    kept = pem(spec, "server"), (spec.pki / "server-key.pem").read_bytes()
    stage(spec, NOW, only=["server"], asked={"server": True}).commit()
    assert (pem(spec, "previous/server"), (spec.pki / "previous/server-key.pem").read_bytes()) == kept
    assert len(certificates_of(spec)) == 3


def test_two_at_once(spec: Spec) -> None:
    one, two = rotate(spec, NOW), rotate(spec, NOW)
    one.commit()
    error = failure(two)
    assert "changed since it was read" in str(error)


# Days: a life, from step to step, renewed with what left; and how often in three years. What is due has less than 33%
# of its life left, so 100 days are renewed after 67 and thus at every third step of 30.
LIVES = [
    (100, 30, Renewal(), 12),
    (200, 30, Renewal(), 7),
    (397, 30, Renewal(), 4),
    (397, 30, Renewal(before=timedelta(days=60)), 3),
    (90, 1, Renewal(), 17),
    pytest.param(4, 1, Renewal(), 365, marks=pytest.mark.drill),
]


@pytest.mark.parametrize(("days", "step", "renewal", "reissues"), LIVES)
def test_three_years(tmp_path: Path, days: int, step: int, renewal: Renewal, reissues: int) -> None:
    """The clock moves over the real store: what is served is valid at each step, before the run and after it, and is
    issued no oftener than its life says."""
    spec = declare(tmp_path, expiry=f"{days}d").model_copy(update={"renewal": renewal})
    stage(spec, NOW).commit()
    at = []
    for day in range(step, 3 * 365 + 1, step):
        now, before = NOW + day * DAY, pem(spec, "server")
        assert before.not_valid_before_utc <= now <= before.not_valid_after_utc, f"served on day {day}"
        staged = stage(spec, now)
        if staged.changes:
            assert [(change.name, change.state) for change in staged.changes] == [("server", "due")]
            at.append(day)
            staged.commit()
            leaf = pem(spec, "server")
            assert leaf != before
            assert leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc
            assert stage(spec, now).changes == ()
    assert len(at) == reissues, at
    assert len(journal(spec)) == 2 + reissues


def test_steps_that_are_too_long_are_seen(tmp_path: Path) -> None:
    """The control of the test above: 90 days with 33% left are too few for a run a month."""
    with pytest.raises(AssertionError, match="served on day 90"):
        test_three_years(tmp_path, 90, 30, Renewal(), 12)


def test_the_gate(spec: Spec) -> None:
    store, rotation = Store(spec.pki), Rotation(without=("gone",))
    hosts = {"a": "", "b": "it can't be reached", "gone": "it can't be reached"}
    sightings.write(store, sightings.news({}, hosts, "d" * 64, rotation, NOW))
    seen = sightings.read(store, "d" * 64)
    assert (seen["a"].seen[:10], seen["b"].seen, seen["b"].why) == ("2026-03-01", "", "it can't be reached")
    assert sightings.missing(seen, hosts, rotation, NOW) == {"b": "it can't be reached"}
    assert sightings.news(seen, hosts, "d" * 64, rotation, NOW + DAY) == [], "nothing new, nothing written"

    later = {"a": "left out by --limit", "b": "", "gone": "it can't be reached"}
    sightings.write(store, sightings.news(seen, later, "d" * 64, rotation, NOW + 2 * DAY))
    seen = sightings.read(store, "d" * 64)
    assert sightings.missing(seen, later, rotation, NOW + 2 * DAY) == {}, "the ledger has a"
    assert list(sightings.missing(seen, later, rotation, NOW + 8 * DAY)) == ["a"], "but not for ever"
    assert sightings.read(store, "e" * 64) == {}, "another CA is another matter"
    lines = (spec.pki / "sightings.jsonl").read_text().splitlines()
    assert len(lines) == 3, "one line for each host and CA"
    (spec.pki / "sightings.jsonl").write_text('{"host": "a"\n' + json.dumps({"host": "b"}) + "\n" + lines[1] + "\n")
    assert list(sightings.read(store, "d" * 64)) == ["b"], "a damaged line is no sighting"
