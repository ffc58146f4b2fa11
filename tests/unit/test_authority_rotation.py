"""Renewal, rekeying and rotation over the real store: what is kept, what is refused, and what a crash leaves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from anchorline.authority import issued, keys, sightings, stage, survey
from anchorline.authority.certificates import fingerprint
from anchorline.authority.rotation import promote, retire, rotate
from anchorline.authority.store import NEXT_CA, PREVIOUS_CA, Store
from anchorline.errors import AuthorityError, PassphraseError
from anchorline.spec.model import Rotation, Spec
from tests.unit.test_authority_store import (
    NOW,
    contents,
    declare,
    escaping,
    failure,
    full_at_each_call,
    killed_at,
    snapshot,
    spec,
)

__all__ = ["spec"]  # a fixture of the store's tests

DAY = timedelta(days=1)


def pem(spec: Spec, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((spec.pki / f"{name}.pem").read_bytes())


def ca_keys(spec: Spec) -> set[bytes]:
    """Every CA key in the folder, wherever it lies."""
    files = [path for path in spec.pki.rglob("ca-key.pem") if path.stat().st_size and ".draft" not in path.parts]
    return {keys.public_bytes(_key(path).public_key()) for path in files}


def _key(path: Path) -> Any:
    return load_pem_private_key(path.read_bytes(), None)


def assert_pairs(spec: Spec) -> None:
    """Each certificate in a place of its own has its key beside it."""
    for path in spec.pki.rglob("*-key.pem"):
        if ".commit" not in path.parts and ".draft" not in path.parts:
            certificate = x509.load_pem_x509_certificate(path.with_name(path.name.replace("-key", "")).read_bytes())
            assert keys.fit(_key(path), certificate.public_key()), path


def journal(spec: Spec) -> list[dict[str, Any]]:
    return list(issued.read((spec.pki / "issued.jsonl").read_text()))


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
    assert {line["name"] for line in lines if line["by"] is None} == {"ca", "server"}
    assert (spec.pki / "issued.jsonl").read_text().startswith(first[:100]), "what was there is never taken away"


WORKS: dict[str, Callable[[Spec], None]] = {
    "renew": lambda spec: stage(spec, NOW, only=["server"], asked={"server": False}).commit(),
    "rekey": lambda spec: stage(spec, NOW, only=["server"], asked={"server": True}).commit(),
    "rotate": lambda spec: rotate(spec, NOW).commit(),
    "promote": lambda spec: promote(spec, NOW).commit(),
    "retire": lambda spec: retire(spec, fingerprint(pem(spec, "previous/ca"))),
}
BEFORE = {"promote": ["rotate"], "retire": ["rotate", "promote"]}


def done(spec: Spec, work: str, before: dict[str, bytes]) -> bool:
    """Whether the work is done as far as a reader sees."""
    found = survey(spec, NOW)
    match work:
        case "rotate":
            return NEXT_CA in found.generations
        case "promote":
            return PREVIOUS_CA in found.generations
        case "retire":
            return PREVIOUS_CA not in found.generations
        case _:
            return found.contents.certificates["server.pem"] != before["server.pem"]


def site_before(work: str, folder: Path) -> Spec:
    """A site in which this work is what comes next."""
    spec = declare(folder)
    stage(spec, NOW).commit()
    for each in BEFORE.get(work, []):
        WORKS[each](spec)
    return spec


def complete(spec: Spec, work: str, before: dict[str, bytes]) -> bool:
    """Have the next run go on from where this work broke off. Tells whether it was done, as far as a reader saw."""
    stage(spec, NOW).pair("server")  # looking finds whole pairs
    if not (decided := done(spec, work, before)):
        WORKS[work](spec)
    else:
        stage(spec, NOW, only=["server"], asked={"server": False}).commit()  # any next commit completes it
    assert done(spec, work, before)
    assert not [path for path in spec.pki.rglob("*") if ".commit" in path.parts or ".draft" in path.parts]
    assert_pairs(spec)
    assert stage(spec, NOW).changes == ()
    assert {fingerprint(pem(spec, name)) for name in ("ca", "server")} <= issued.known(
        (spec.pki / "issued.jsonl").read_text()
    )
    return decided


@pytest.mark.parametrize("work", WORKS)
def test_killed_at_every_call_to_the_disk(tmp_path: Path, work: str) -> None:
    base = site_before(work, tmp_path / "base")
    before, there = contents(base.pki), ca_keys(base)
    step, outcomes = 0, set()
    while True:
        step += 1
        shutil.copytree(base.folder, tmp_path / str(step))
        spec = declare(tmp_path / str(step))
        if not killed_at(step, partial(WORKS[work], spec)):
            break
        assert there <= ca_keys(spec), "no key is lost"
        outcomes.add(complete(spec, work, before))
        assert there <= ca_keys(spec)
    assert step > 15
    assert outcomes == {True, False}


@pytest.mark.parametrize("work", WORKS)
def test_no_call_of_it_escapes_the_count(tmp_path: Path, work: str) -> None:
    spec = site_before(work, tmp_path)
    assert escaping(partial(WORKS[work], spec)) == []


@pytest.mark.parametrize("work", WORKS)
def test_a_disk_that_is_full_at_each_call(tmp_path: Path, work: str) -> None:
    base = site_before(work, tmp_path / "base")
    before, there, seen, outcomes = contents(base.pki), ca_keys(base), 0, set()
    for site, error in full_at_each_call(base.folder, tmp_path, WORKS[work]):
        assert there <= ca_keys(site)
        if error:  # a certificate that can't be read is no matter to a work that doesn't need it
            outcomes.add(complete(site, work, before))
            assert there <= ca_keys(site)
            seen += 1
    assert seen > 15
    assert outcomes == {True, False}


def test_two_at_once(spec: Spec) -> None:
    one, two = rotate(spec, NOW), rotate(spec, NOW)
    one.commit()
    error = failure(two)
    assert "changed since it was read" in str(error)


def test_three_years_in_steps_of_a_month(tmp_path: Path) -> None:
    """The clock moves over the real store: what is served is valid at each step, and is issued no oftener than its life
    says."""
    spec, reissues = declare(tmp_path), 0
    stage(spec, NOW).commit()
    for month in range(1, 37):
        now = NOW + month * 30 * DAY
        staged = stage(spec, now)
        reissues += bool(staged.changes)
        staged.commit()
        leaf = pem(spec, "server")
        assert leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc
        assert leaf.not_valid_after_utc - now > 29 * DAY, "it outlives the next step"
        assert stage(spec, now).changes == ()
    # 90 days with a third left: due after 60.3 days, and so at every third step of 30
    assert reissues == 12
    assert len(journal(spec)) == 2 + 12


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
