"""Folders of other tools, taken over: made by the real openssl, laid out as cfssl, easy-rsa and openssl lay them out.

easy-rsa and cfssl aren't installed where the tests run; their layouts and their forms of keys are made by openssl.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509

from anchorline.authority import State, adopt, issued, keys, stage, survey
from anchorline.authority.certificates import fingerprint
from anchorline.spec.model import Spec
from tests.unit.disk import escaping, full_at_each_call, killed_at
from tests.unit.other_tools import (
    LEAF_EXTENSIONS,
    RSA,
    OpensslCa,
    declare,
    make_key,
    openssl,
    states,
    take,
)

pytestmark = pytest.mark.usefixtures("no_passphrase")

DAY = timedelta(days=1)


def test_cfssls_folder(tmp_path: Path, cfssl: OpensslCa) -> None:
    spec = declare(tmp_path)
    assert b"BEGIN EC PRIVATE KEY" in (cfssl.folder / "ca-key.pem").read_bytes()
    adopted = take(spec, cfssl.folder)
    assert [(each.name, each.file.name, each.key_file.name) for each in adopted.taken] == [
        ("ca", "ca.pem", "ca-key.pem"),
        ("server", "server.pem", "server-key.pem"),
    ]
    assert adopted.unread == ()
    assert states(spec) == {"ca": State.OK, "server": State.OK}
    assert stage(spec).changes == ()


def test_easy_rsas_folder(tmp_path: Path, old: Path) -> None:
    """The certificate has text before its PEM, and lies there twice; both keys are encrypted."""
    ca = OpensslCa(old, "pki/ca.crt", "pki/private/ca.key").make("encrypted")
    ca.issue("pki/issued/server.crt", "pki/private/server.key", "encrypted", more="-text")
    (old / "pki/certs_by_serial").mkdir()
    (old / "pki/certs_by_serial/01AB.pem").write_bytes((old / "pki/issued/server.crt").read_bytes())
    assert (old / "pki/issued/server.crt").read_text().startswith("Certificate:\n")
    spec = declare(tmp_path)
    adopted = take(spec, old, "secret")
    assert [each.file.name for each in adopted.taken] == ["ca.crt", "server.crt"]
    assert states(spec) == {"ca": State.OK, "server": State.OK}


def test_openssls_folder(tmp_path: Path, old: Path) -> None:
    """What `openssl ca` keeps: certificates by number, keys as PKCS#1; the leaf is known by its names."""
    OpensslCa(old, "demoCA/cacert.pem", "demoCA/private/cakey.pem").make("pkcs1")
    (old / "demoCA/newcerts").mkdir()
    (old / "demoCA/index.txt").touch()
    (old / "demoCA/serial").write_text("01\n")
    (old / "openssl.cnf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndir=demoCA\ndatabase=demoCA/index.txt\nnew_certs_dir=demoCA/newcerts\n"
        "certificate=demoCA/cacert.pem\nserial=demoCA/serial\nprivate_key=demoCA/private/cakey.pem\n"
        "default_md=sha256\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\n" + LEAF_EXTENSIONS
    )
    make_key(old, "registry.key", "pkcs1")
    openssl(old, "req -new -key registry.key -subj /CN=a.example.com -out registry.csr")
    openssl(old, "ca -batch -config openssl.cnf -in registry.csr -days 300 -notext -out registry.crt")
    (old / "registry.crt").unlink()
    spec = declare(tmp_path, **RSA)
    adopted = take(spec, old)
    assert [each.file.name for each in adopted.taken] == ["cacert.pem", "01.pem"]
    # the spec declares an ecdsa key for it
    assert states(spec) == {"ca": State.OK, "server": State.DRIFT}


def test_the_older_form_of_an_encrypted_key(tmp_path: Path, old: Path) -> None:
    OpensslCa(old).make("old")
    assert b"Proc-Type: 4,ENCRYPTED" in (old / "ca-key.pem").read_bytes()
    spec = declare(tmp_path, **RSA)
    take(spec, old, "secret")
    assert states(spec) == {"ca": State.OK, "server": State.MISSING}


def test_what_is_not_found_is_issued_by_the_adopted_ca(tmp_path: Path, cfssl: OpensslCa) -> None:
    spec = declare(
        tmp_path, certificates={"server": {"hosts": ["b.example.com"]}, "other": {"hosts": ["c.example.com"]}}
    )
    (cfssl.folder / "server.pem").rename(cfssl.folder / "a.pem")
    adopted = take(spec, cfssl.folder)
    assert [each.name for each in adopted.taken] == ["ca"]
    staged = stage(spec)
    assert [(change.name, change.state) for change in staged.changes] == [("server", "missing"), ("other", "missing")]
    staged.commit()
    for name in ("server", "other"):
        openssl(tmp_path, f"verify -x509_strict -CAfile {cfssl.folder / 'ca.pem'} {spec.pki / f'{name}.pem'}")


def test_the_newest_that_has_not_ended(tmp_path: Path, cfssl: OpensslCa) -> None:
    """Of two called so, the later; one that has only the names comes after; one that ended is none."""
    cfssl.issue("archive/server.pem", "archive/server-key.pem", days=-1)
    cfssl.issue("new/a.crt", "new/a.key")
    spec = declare(tmp_path)
    assert take(spec, cfssl.folder).taken[1].file == cfssl.folder / "server.pem"


def test_a_leaf_of_another_ca_or_without_key(tmp_path: Path, cfssl: OpensslCa) -> None:
    (cfssl.folder / "server-key.pem").unlink()
    other = OpensslCa(tmp_path / "other")
    other.folder.mkdir(exist_ok=True)
    other.make()
    other.issue("server.pem", "server-key.pem")
    (cfssl.folder / "elsewhere").mkdir()
    for file in ("server.pem", "server-key.pem"):
        (cfssl.folder / "elsewhere" / file).write_bytes((other.folder / file).read_bytes())
    spec = declare(tmp_path)
    assert [each.name for each in take(spec, cfssl.folder).taken] == ["ca"]


def test_a_key_that_does_not_open_is_passed_over_and_named(tmp_path: Path, cfssl: OpensslCa) -> None:
    make_key(cfssl.folder, "client.key", "encrypted")
    (unread,) = take(declare(tmp_path), cfssl.folder).unread
    assert "client.key: the key is encrypted; set ANCHORLINE_PASSPHRASE" in str(unread)


def test_links_are_not_followed_and_damage_hurts_nobody(tmp_path: Path, cfssl: OpensslCa) -> None:
    outside = OpensslCa(tmp_path / "outside")
    outside.folder.mkdir(exist_ok=True)
    outside.make()
    (cfssl.folder / "link").symlink_to(outside.folder)
    (cfssl.folder / "ca-link.pem").symlink_to(outside.folder / "ca-key.pem")
    (cfssl.folder / "large").write_bytes(b"-----BEGIN CERTIFICATE-----\n" * 50_000)
    (cfssl.folder / "begun").write_bytes(b"-----BEGIN CERTIFICATE-----\n" * 30_000)
    (cfssl.folder / "half.pem").write_bytes((cfssl.folder / "server.pem").read_bytes()[:300])
    (cfssl.folder / "wrong.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    adopted = take(declare(tmp_path), cfssl.folder)
    assert len(adopted.taken) == 2
    assert ["wrong.pem" in str(each) for each in adopted.unread] == [True]


def test_a_pathlen_that_nobody_wrote_is_no_demand(tmp_path: Path, cfssl: OpensslCa) -> None:
    take(declare(tmp_path), cfssl.folder)
    assert states(declare(tmp_path))["ca"] is State.OK
    assert states(declare(tmp_path, authority={"CN": "Fleet_CA", "ca": {"expiry": "10y"}}))["ca"] is State.OK
    written = declare(tmp_path, authority={"CN": "Fleet_CA", "ca": {"pathlen": 0}})
    assert states(written)["ca"] is State.CHANGED


def test_killed_at_every_call_to_the_disk(tmp_path: Path, cfssl: OpensslCa, stride: int) -> None:
    """It is taken over as a whole or not at all, and the next run, of whatever kind, goes on from there."""
    step, outcomes, there = 1 - stride, set(), (cfssl.folder / "ca.pem").read_bytes()
    while True:
        step += stride
        spec = declare(tmp_path / str(step))
        if not killed_at(step, partial(_adopt, spec, cfssl)):
            break
        outcomes.add(_completed(spec, cfssl))
    assert step > 15
    assert outcomes == {True, False}
    assert (cfssl.folder / "ca.pem").read_bytes() == there


def _adopt(spec: Spec, ca: OpensslCa) -> None:
    adopt.adopt(spec, ca.folder)


def _completed(spec: Spec, ca: OpensslCa) -> bool:
    """Whether what broke off had been decided; and the next run has all of it in place."""
    decided = survey(spec).chain is not None
    if not decided:
        take(spec, ca.folder)
    else:
        stage(spec).pair("server")  # looking finds whole pairs
        stage(spec).commit()
    for name in ("ca", "server"):
        certificate = x509.load_pem_x509_certificate((spec.pki / f"{name}.pem").read_bytes())
        assert certificate == x509.load_pem_x509_certificate((ca.folder / f"{name}.pem").read_bytes())
        file = spec.pki / f"{name}-key.pem"
        assert keys.fit(keys.read(file.read_bytes(), file), certificate.public_key())
    assert not [path for path in (spec.pki / ".commit").rglob("*") if path.is_file()]
    assert stage(spec).changes == ()
    return decided


def test_a_disk_that_is_full_at_each_call(tmp_path: Path, cfssl: OpensslCa, stride: int) -> None:
    (tmp_path / "base").mkdir()
    outcomes = set()
    for spec, error in full_at_each_call(tmp_path / "base", tmp_path, partial(_adopt, ca=cfssl), stride, declare):
        if error:  # a leaf that can't be read is passed over, and named
            outcomes.add(_completed(spec, cfssl))
    assert outcomes == {True, False}


def test_no_call_of_it_escapes_the_count(tmp_path: Path, cfssl: OpensslCa) -> None:
    assert escaping(partial(adopt.adopt, declare(tmp_path), cfssl.folder)) == []


def test_what_was_adopted_is_in_the_journal(tmp_path: Path, cfssl: OpensslCa) -> None:
    spec = declare(tmp_path)
    adopted = take(spec, cfssl.folder)
    lines = list(issued.read((spec.pki / "issued.jsonl").read_text()))
    assert [(line["name"], line["sha256"]) for line in lines] == [
        (each.name, fingerprint(each.certificate)) for each in adopted.taken
    ]
    assert {(line["reason"], line["by"]) for line in lines} == {("adopted", None)}
    stage(spec, only=["server"], asked={"server": True}).commit()
    assert len((spec.pki / "issued.jsonl").read_text().splitlines()) == 3, "none is doubled"


def test_now_is_the_callers(tmp_path: Path, cfssl: OpensslCa) -> None:
    later = datetime.now(UTC) + 400 * DAY
    adopted = adopt.adopt(declare(tmp_path), cfssl.folder, now=later)
    assert [each.name for each in adopted.taken] == ["ca"]
