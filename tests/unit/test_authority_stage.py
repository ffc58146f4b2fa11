"""Staging: what hosts shall trust, what a registry gets, and that nothing is done without need."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from anchorline.authority import Staged, keys, stage
from anchorline.authority.certificates import fingerprint
from anchorline.errors import AuthorityError, PassphraseError, StoreError
from anchorline.spec.model import Spec
from tests.unit.ca import Ca

pytestmark = pytest.mark.usefixtures("no_passphrase")

NOW = datetime.now(UTC)
REQUEST = {"profile": "server", "CN": "a.example.com", "hosts": ["a.example.com"]}


def declare(folder: Path, **keys_: Any) -> Spec:
    spec: dict[str, Any] = {
        "version": 1,
        "site": "test",
        "authority": {"CN": "Fleet CA"},
        "signing": {"profiles": {"server": {"expiry": "90d", "usages": ["signing", "server auth"]}}},
        "certificates": {"server": REQUEST},
    }
    return Spec.model_validate(spec | keys_).model_copy(update={"file": folder / "anchorline.yml"})


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    return declare(tmp_path)


def test_a_new_site_in_memory(spec: Spec) -> None:
    staged = stage(spec)
    assert staged.is_new_ca
    assert [(change.name, change.state, change.file) for change in staged.changes] == [
        ("ca", "missing", spec.pki / "ca.pem"),
        ("server", "missing", spec.pki / "server.pem"),
    ]
    assert staged.ca is not None
    assert staged.fingerprint == fingerprint(staged.ca)
    assert not (spec.folder / "pki").exists()


def test_the_anchor_is_named_by_site_and_content(spec: Spec) -> None:
    staged = stage(spec)
    (anchor,) = staged.anchors
    assert anchor.name == f"anchorline-test-{anchor.sha256[:12]}.crt"
    assert anchor.sha256 == staged.fingerprint
    assert anchor.subject == "CN=Fleet CA"
    assert x509.load_pem_x509_certificate(anchor.pem.encode()) == staged.ca
    lines = anchor.pem.splitlines()
    assert (lines[0], lines[-1]) == ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
    assert max(map(len, lines)) == 64
    assert "\r" not in anchor.pem
    assert anchor.not_after == staged.ca.not_valid_after_utc


def test_a_second_run_finds_and_does_nothing(spec: Spec) -> None:
    first = stage(spec)
    pair = first.pair("server")
    first.commit()
    before = marks(spec.pki)
    first.commit()
    second = stage(spec)
    second.commit()
    assert (second.changes, second.is_new_ca, second.anchors) == ((), False, first.anchors)
    assert second.pair("server") == pair
    assert marks(spec.pki) == before


def marks(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (folder, *folder.iterdir())}


def test_a_pair_is_what_a_server_needs(spec: Spec) -> None:
    staged = stage(spec, passphrase="secret")
    staged.commit()
    for each in (staged, stage(spec, passphrase="secret")):
        pair = each.pair("server")
        leaf = x509.load_pem_x509_certificate(pair.certificate_pem.encode())
        key: Any = serialization.load_pem_private_key(pair.key_pem.encode(), None)
        assert keys.fit(key, leaf.public_key())
        assert pair.fingerprint == fingerprint(leaf)
        assert pair == staged.pair("server")
    with pytest.raises(KeyError):
        staged.pair("other")


def test_nothing_to_issue_needs_no_key_and_no_passphrase(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    stage(spec, passphrase="secret").commit()
    monkeypatch.setattr(keys, "read", lambda *_: pytest.fail("a key was read"))
    staged = stage(spec)
    assert staged.changes == ()
    assert len(staged.anchors) == 1
    (spec.pki / "ca-key.pem").unlink()
    (spec.pki / "server-key.pem").unlink()
    assert stage(spec).anchors == staged.anchors


def test_a_pair_without_its_key_is_refused_when_it_is_asked_for(spec: Spec) -> None:
    stage(spec).commit()
    (spec.pki / "server-key.pem").unlink()
    staged = stage(spec)
    with pytest.raises(AuthorityError, match=r"server-key\.pem: the key of server isn't here"):
        staged.pair("server")


def test_the_passphrase_comes_from_the_environment(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.PASSPHRASE, "secret")
    stage(spec).commit()
    for file in ("ca-key.pem", "server-key.pem"):
        assert b"ENCRYPTED" in (spec.pki / file).read_bytes()
    assert stage(spec).pair("server")
    more = declare(spec.folder, certificates={"server": REQUEST, "other": REQUEST})
    for value, said in ((None, "set ANCHORLINE_PASSPHRASE"), ("wrong", "is not this key's passphrase")):
        monkeypatch.setenv(keys.PASSPHRASE, value or "")
        with pytest.raises(PassphraseError, match=said):
            stage(more)
        with pytest.raises(PassphraseError, match=said):
            stage(spec).pair("server")


def test_a_key_is_decrypted_once(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    stage(spec, passphrase="secret").commit()
    staged = stage(spec, passphrase="secret")
    first = staged.pair("server")
    monkeypatch.setattr(keys, "read", lambda *_: pytest.fail("a key was read again"))
    assert staged.pair("server") is first


def test_only_some_certificates(spec: Spec) -> None:
    both = declare(spec.folder, certificates={"server": REQUEST, "other": REQUEST})
    staged = stage(both, only=["other"])
    assert [change.name for change in staged.changes] == ["ca", "other"]
    staged.commit()
    assert [change.name for change in stage(both).changes] == ["server"]
    with pytest.raises(AuthorityError, match="not issued yet"):
        stage(both, only=["other"]).pair("server")


def test_without_the_ca_key_nothing_can_be_issued(spec: Spec) -> None:
    stage(spec).commit()
    (spec.pki / "ca-key.pem").unlink()
    more = declare(spec.folder, certificates={"server": REQUEST, "other": REQUEST})
    before = marks(spec.pki)
    with pytest.raises(AuthorityError, match=r"ca-key\.pem: the CA's key isn't here, but to be issued: other"):
        stage(more)
    assert marks(spec.pki) == before


def test_other_cas_are_anchors_as_well(spec: Spec) -> None:
    one, two = Ca("One"), Ca("Two")
    (spec.folder / "also.pem").write_bytes(b"# ours\r\n" + one.pem.replace(b"\n", b"\r\n") + two.pem + one.pem)
    staged = stage(declare(spec.folder, trust={"also": ["also.pem"]}))
    assert [anchor.subject for anchor in staged.anchors] == ["CN=Fleet CA", "CN=One", "CN=Two"]
    assert staged.anchors[1].pem.encode() == one.pem
    alone = stage(declare(spec.folder, authority=None, certificates={}, trust={"also": ["also.pem"]}))
    assert (alone.ca, alone.fingerprint, alone.is_new_ca, alone.changes) == (None, None, False, ())
    assert [anchor.subject for anchor in alone.anchors] == ["CN=One", "CN=Two"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (Ca("Leaf", ca=False).pem, "is not a CA certificate"),
        (Ca("Old", days=-1).pem, "ended on"),
        (Ca("Der").certificate.public_bytes(serialization.Encoding.DER), "looks like DER: openssl x509 -inform der"),
        (b"", "empty"),
        (b"hello", "no certificate in PEM"),
        (Ca("Half").pem[:300], "can't be read|ends before"),
        (Ca("A").pem + Ca("B").pem[:300], "can't be read|ends before"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "can't be read"),
    ],
)
def test_what_is_no_ca_is_no_anchor(spec: Spec, content: bytes, said: str) -> None:
    (spec.folder / "also.pem").write_bytes(content)
    with pytest.raises(AuthorityError, match=said) as caught:
        stage(declare(spec.folder, trust={"also": ["also.pem"]}))
    assert str(spec.folder / "also.pem") in str(caught.value)


def test_an_anchor_that_is_not_there(spec: Spec) -> None:
    with pytest.raises(StoreError, match=r"also\.pem: No such file"):
        stage(declare(spec.folder, trust={"also": ["also.pem"]}))


def existing(folder: Path, *, key: bool, certificates: Any = None) -> Spec:
    authority = {"certificate": "root.pem"} | ({"key": "root-key.pem"} if key else {})
    return declare(folder, authority=authority, certificates=certificates or {})


def test_a_ca_that_exists_is_rolled_out(spec: Spec) -> None:
    root = Ca("Company Root")
    (spec.folder / "root.pem").write_bytes(root.pem)
    staged = stage(existing(spec.folder, key=False))
    assert (staged.ca, staged.is_new_ca, staged.changes) == (root.certificate, False, ())
    assert [anchor.subject for anchor in staged.anchors] == ["CN=Company Root"]
    staged.commit()
    assert not (spec.folder / "pki").exists()
    with pytest.raises(AuthorityError, match="no key is given, but to be issued: server"):
        stage(existing(spec.folder, key=False, certificates={"server": REQUEST}))


def test_a_ca_that_exists_issues_where_its_key_is_given(spec: Spec) -> None:
    root = Ca("Company Root")
    (spec.folder / "root.pem").write_bytes(root.pem)
    root.write_key(spec.folder / "root-key.pem")
    issuing = existing(spec.folder, key=True, certificates={"server": REQUEST})
    staged = stage(issuing)
    staged.commit()
    assert sorted(path.name for path in spec.pki.iterdir()) == [
        ".gitignore",
        "issued.jsonl",
        "server-key.pem",
        "server.csr",
        "server.pem",
    ]
    assert stage(issuing).changes == ()
    verify(spec.folder / "root.pem", spec.pki / "server.pem")


def test_an_intermediate_issues_and_the_root_is_trusted(spec: Spec) -> None:
    root = Ca("Root")
    middle = Ca("Middle", root)
    (spec.folder / "root.pem").write_bytes(middle.pem + root.pem)
    middle.write_key(spec.folder / "root-key.pem")
    staged = stage(existing(spec.folder, key=True, certificates={"server": REQUEST}))
    assert staged.ca == root.certificate
    assert [anchor.subject for anchor in staged.anchors] == ["CN=Root"]
    sent = x509.load_pem_x509_certificates(staged.pair("server").certificate_pem.encode())
    assert [each.subject.rfc4514_string() for each in sent] == ["CN=a.example.com", "CN=Middle"]
    (spec.folder / "only-root.pem").write_bytes(root.pem)
    (spec.folder / "sent.pem").write_text(staged.pair("server").certificate_pem)
    verify(spec.folder / "only-root.pem", spec.folder / "sent.pem", "-untrusted", str(spec.folder / "sent.pem"))


def verify(ca: Path, leaf: Path, *more: str) -> None:
    subprocess.run(["openssl", "verify", "-CAfile", str(ca), *more, str(leaf)], check=True, capture_output=True)


def test_an_intermediate_without_its_root_is_refused(spec: Spec) -> None:
    (spec.folder / "root.pem").write_bytes(Ca("Middle", Ca("Root")).pem)
    with pytest.raises(AuthorityError, match="CN=Middle is issued by CN=Root, which isn't here"):
        stage(existing(spec.folder, key=False))


@pytest.mark.parametrize(("root", "said"), [(Ca("Old", days=-1), "ended on"), (Ca("Leaf", ca=False), "not a CA")])
def test_a_ca_that_exists_must_be_one(spec: Spec, root: Ca, said: str) -> None:
    (spec.folder / "root.pem").write_bytes(root.pem)
    with pytest.raises(AuthorityError, match=said):
        stage(existing(spec.folder, key=False))


def test_the_key_of_another_ca_is_refused(spec: Spec) -> None:
    (spec.folder / "root.pem").write_bytes(Ca("Root").pem)
    Ca("Root").write_key(spec.folder / "root-key.pem")
    with pytest.raises(AuthorityError, match=r"root-key\.pem: this is not the key of the CA"):
        stage(existing(spec.folder, key=True, certificates={"server": REQUEST}))


def test_an_existing_ca_is_held_to_its_own_constraints(spec: Spec) -> None:
    constrained = declare(spec.folder, authority={"CN": "Fleet CA", "name_constraints": {"dns": ["example.com"]}})
    stage(constrained).commit()
    authority = {"certificate": "pki/test/ca.pem", "key": "pki/test/ca-key.pem"}
    outside = {"other": REQUEST | {"CN": None, "hosts": ["a.example.org"]}}
    with pytest.raises(AuthorityError, match=r"may not vouch for a\.example\.org"):
        stage(declare(spec.folder, authority=authority, certificates=outside))


def test_no_key_shows(spec: Spec) -> None:
    staged = stage(spec)
    key = staged.pair("server").key_pem.splitlines()[1]
    shown = [repr(staged), str(staged), repr(staged.pair("server")), repr(staged._made), repr(staged.changes)]
    assert not any(key[:20] in text or "PRIVATE" in text for text in shown)
    assert isinstance(staged, Staged)


def test_the_room_loads_no_pyinfra() -> None:
    code = "import sys, anchorline.authority; print(*({'pyinfra', 'gevent', 'paramiko'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert run.stdout.strip() == ""
