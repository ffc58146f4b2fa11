"""Folders of other tools, taken over: made by the real openssl, laid out as cfssl, easy-rsa and openssl lay them out.

easy-rsa and cfssl aren't installed where the tests run; their layouts and their forms of keys are made by openssl.
"""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from anchorline.authority import State, adopt, issued, keys, stage, survey
from anchorline.authority.adopt import Adopted
from anchorline.authority.certificates import fingerprint
from anchorline.errors import AuthorityError, PassphraseError
from anchorline.spec.model import Spec
from tests.unit.disk import escaping, full_at_each_call, killed_at

DAY = timedelta(days=1)
CA_EXTENSIONS = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
LEAF_EXTENSIONS = (
    "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
    "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName=DNS:a.example.com\n"
)


def openssl(folder: Path, command: str) -> None:
    done = subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Ca:
    """A CA in a folder of files, all made by openssl. ``key`` makes one: SEC1, PKCS#1, PKCS#8 or encrypted."""

    def __init__(self, folder: Path, certificate: str = "ca.pem", key: str = "ca-key.pem", name: str = "Fleet CA"):
        self.folder, self.certificate, self.key = folder, certificate, key
        for file in (certificate, key):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
        self.name = name

    def make(self, form: str = "sec1", days: int = 3650, extensions: str = CA_EXTENSIONS) -> Ca:
        make_key(self.folder, self.key, form)
        (self.folder / "ca.ext").write_text(extensions)
        openssl(
            self.folder,
            f"req -new -key {self.key} -passin pass:secret -subj /CN={self.name.replace(' ', '_')} -out ca.csr",
        )
        openssl(
            self.folder,
            f"x509 -req -in ca.csr -signkey {self.key} -passin pass:secret -days {days} -extfile ca.ext "
            f"-out {self.certificate}",
        )
        return self

    def issue(self, certificate: str, key: str, form: str = "sec1", days: int = 300, more: str = "") -> None:
        for file in (certificate, key):
            (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
        make_key(self.folder, key, form)
        (self.folder / "leaf.ext").write_text(LEAF_EXTENSIONS)
        openssl(self.folder, f"req -new -key {key} -passin pass:secret -subj /CN=a.example.com -out leaf.csr")
        openssl(
            self.folder,
            f"x509 -req -in leaf.csr -CA {self.certificate} -CAkey {self.key} -passin pass:secret -CAcreateserial "
            f"-days {days} -extfile leaf.ext {more} -out {certificate}",
        )


def make_key(folder: Path, file: str, form: str) -> None:
    ec = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"
    openssl(
        folder,
        {
            "sec1": f"ecparam -genkey -name prime256v1 -noout -out {file}",
            "pkcs1": f"genrsa -traditional -out {file} 2048",
            "pkcs8": f"genpkey {ec} -out {file}",
            "encrypted": f"genpkey {ec} -aes128 -pass pass:secret -out {file}",
            "old": f"genrsa -traditional -aes128 -passout pass:secret -out {file} 2048",
        }[form],
    )


def declare(folder: Path, **changes: Any) -> Spec:
    spec: dict[str, Any] = {
        "version": 1,
        "site": "test",
        "authority": {"CN": "Fleet_CA"},
        "signing": {"default": {"expiry": "90d", "usages": ["signing", "server auth"]}},
        "certificates": {"server": {"CN": "a.example.com", "hosts": ["a.example.com"]}},
    }
    return Spec.model_validate(spec | changes).model_copy(update={"file": folder / "anchorline.yml"})


RSA = {"authority": {"CN": "Fleet_CA", "key": {"algo": "rsa"}}}


@pytest.fixture(autouse=True)
def no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(keys.PASSPHRASE, raising=False)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    folder.mkdir()
    return folder


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def take(spec: Spec, folder: Path, passphrase: str | None = None) -> Adopted:
    """Adopt, and verify what holds of every adoption: the folder is unchanged, the CA is the same, its key as well."""
    before = contents(folder)
    adopted = adopt.adopt(spec, folder, passphrase=passphrase)
    assert contents(folder) == before
    taken = {each.name: each for each in adopted.taken}
    for name, each in taken.items():
        file = spec.pki / f"{name}-key.pem"
        assert file.stat().st_mode & 0o777 == 0o600
        assert (b"ENCRYPTED" in file.read_bytes()) is bool(passphrase)
        assert b"BEGIN PRIVATE KEY" in file.read_bytes() or passphrase
        key = keys.read(file.read_bytes(), file, passphrase)
        assert keys.fit(key, each.certificate.public_key())
        assert x509.load_pem_x509_certificate((spec.pki / f"{name}.pem").read_bytes()) == each.certificate
        request = x509.load_pem_x509_csr((spec.pki / f"{name}.csr").read_bytes())
        assert request.is_signature_valid
        assert request.subject == each.certificate.subject
    assert (spec.pki / "ca.crt").read_bytes() == taken["ca"].certificate.public_bytes(serialization.Encoding.DER)
    return adopted


def refused(spec: Spec, folder: Path, *said: str, passphrase: str | None = None) -> AuthorityError:
    before = contents(spec.folder)
    with pytest.raises(AuthorityError) as caught:
        adopt.adopt(spec, folder, passphrase=passphrase)
    assert contents(spec.folder) == before, "nothing is written"
    for each in said:
        assert each in str(caught.value)
    assert "PRIVATE" not in str(caught.value)
    return caught.value


def states(spec: Spec) -> dict[str, State]:
    return {status.name: status.state for status in survey(spec).statuses}


@pytest.fixture
def cfssl(old: Path) -> Ca:
    """cfssl's names; keys as SEC1; its CA has no pathlen."""
    ca = Ca(old).make()
    ca.issue("server.pem", "server-key.pem")
    return ca


def test_cfssls_folder(tmp_path: Path, cfssl: Ca) -> None:
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
    ca = Ca(old, "pki/ca.crt", "pki/private/ca.key").make("encrypted")
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
    Ca(old, "demoCA/cacert.pem", "demoCA/private/cakey.pem").make("pkcs1")
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
    Ca(old).make("old")
    assert b"Proc-Type: 4,ENCRYPTED" in (old / "ca-key.pem").read_bytes()
    spec = declare(tmp_path, **RSA)
    take(spec, old, "secret")
    assert states(spec) == {"ca": State.OK, "server": State.MISSING}


def test_what_is_not_found_is_issued_by_the_adopted_ca(tmp_path: Path, cfssl: Ca) -> None:
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


def test_the_newest_that_has_not_ended(tmp_path: Path, cfssl: Ca) -> None:
    """Of two called so, the later; one that has only the names comes after; one that ended is none."""
    cfssl.issue("archive/server.pem", "archive/server-key.pem", days=-1)
    cfssl.issue("new/a.crt", "new/a.key")
    spec = declare(tmp_path)
    assert take(spec, cfssl.folder).taken[1].file == cfssl.folder / "server.pem"


def test_a_leaf_of_another_ca_or_without_key(tmp_path: Path, cfssl: Ca) -> None:
    (cfssl.folder / "server-key.pem").unlink()
    other = Ca(tmp_path / "other")
    other.folder.mkdir(exist_ok=True)
    other.make()
    other.issue("server.pem", "server-key.pem")
    (cfssl.folder / "elsewhere").mkdir()
    for file in ("server.pem", "server-key.pem"):
        (cfssl.folder / "elsewhere" / file).write_bytes((other.folder / file).read_bytes())
    spec = declare(tmp_path)
    assert [each.name for each in take(spec, cfssl.folder).taken] == ["ca"]


def test_a_key_that_does_not_open_is_passed_over_and_named(tmp_path: Path, cfssl: Ca) -> None:
    make_key(cfssl.folder, "client.key", "encrypted")
    (unread,) = take(declare(tmp_path), cfssl.folder).unread
    assert "client.key: the key is encrypted; set ANCHORLINE_PASSPHRASE" in str(unread)


def test_links_are_not_followed_and_damage_hurts_nobody(tmp_path: Path, cfssl: Ca) -> None:
    outside = Ca(tmp_path / "outside")
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


class TestRefused:
    """Each in words, with nothing written."""

    def test_the_key_of_another(self, tmp_path: Path, cfssl: Ca) -> None:
        make_key(cfssl.folder, "ca-key.pem", "sec1")
        refused(declare(tmp_path), cfssl.folder, "no key here is that of the CA CN=Fleet_CA", "ca.pem")

    def test_a_ca_without_key(self, tmp_path: Path, cfssl: Ca) -> None:
        (cfssl.folder / "ca-key.pem").unlink()
        refused(declare(tmp_path), cfssl.folder, "no key here is that of the CA CN=Fleet_CA")

    def test_no_ca(self, tmp_path: Path, cfssl: Ca) -> None:
        (cfssl.folder / "ca.pem").unlink()
        refused(declare(tmp_path), cfssl.folder, "no CA certificate in PEM is here")

    def test_two_cas(self, tmp_path: Path, cfssl: Ca) -> None:
        Ca(cfssl.folder, "two/ca.pem", "two/ca-key.pem", "Two").make()
        refused(declare(tmp_path), cfssl.folder, "several CAs", "CN=Fleet_CA", "CN=Two", "two/ca.pem")

    def test_an_ended_ca(self, tmp_path: Path, old: Path) -> None:
        Ca(old).make(days=-1)
        refused(declare(tmp_path), old, "the CA CN=Fleet_CA ended on")

    def test_an_intermediate(self, tmp_path: Path, cfssl: Ca) -> None:
        openssl(cfssl.folder, "ecparam -genkey -name prime256v1 -noout -out mid-key.pem")
        openssl(cfssl.folder, "req -new -key mid-key.pem -subj /CN=Mid -out mid.csr")
        openssl(
            cfssl.folder,
            "x509 -req -in mid.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 30 -extfile ca.ext -out mid.pem",
        )
        (cfssl.folder / "ca-key.pem").unlink()
        refused(declare(tmp_path), cfssl.folder, "CN=Mid is no root, CN=Fleet_CA issued it", "authority: {certificate")

    def test_an_encrypted_key_and_a_wrong_passphrase(self, tmp_path: Path, old: Path) -> None:
        Ca(old).make("encrypted")
        for passphrase, said in ((None, "set ANCHORLINE_PASSPHRASE"), ("wrong", "is not this key's passphrase")):
            error = refused(declare(tmp_path), old, said, "ca-key.pem", passphrase=passphrase)
            assert isinstance(error, PassphraseError)

    @pytest.mark.parametrize(
        ("authority", "said"),
        [
            ({"CN": "Other"}, "subject is CN=Fleet_CA, the spec says CN=Other"),
            ({"CN": "Fleet_CA", "key": {"algo": "rsa"}}, "key is ecdsa 256, the spec says rsa 2048"),
            ({"CN": "Fleet_CA", "ca": {"pathlen": 0}}, "pathlen is none, the spec says 0"),
            ({"CN": "Fleet_CA", "name_constraints": {"dns": ["a.org"]}}, "name_constraints is none, the spec says"),
        ],
    )
    def test_a_spec_that_declares_another(
        self, tmp_path: Path, cfssl: Ca, authority: dict[str, Any], said: str
    ) -> None:
        refused(declare(tmp_path, authority=authority), cfssl.folder, "authority section declares another CA", said)

    def test_a_spec_that_declares_none(self, tmp_path: Path, cfssl: Ca) -> None:
        for authority in (None, {"certificate": "old/ca.pem"}):
            spec = declare(tmp_path, authority=authority, certificates={})
            refused(spec, cfssl.folder, "an `authority` that is declared with a CN")

    def test_a_site_that_has_a_ca(self, tmp_path: Path, cfssl: Ca) -> None:
        spec = declare(tmp_path)
        stage(spec).commit()
        key = (spec.pki / "ca-key.pem").read_bytes()
        refused(spec, cfssl.folder, "ca-key.pem, ca.pem, ca.csr, ca.crt", "are here already")
        for path in spec.pki.iterdir():
            if path.name != "ca-key.pem":
                path.unlink()
        refused(spec, cfssl.folder, "ca-key.pem is here already")
        assert (spec.pki / "ca-key.pem").read_bytes() == key

    def test_too_many_files(self, tmp_path: Path, cfssl: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(adopt, "MOST_FILES", 3)
        refused(declare(tmp_path), cfssl.folder, "more than 3 files")


def test_a_pathlen_that_nobody_wrote_is_no_demand(tmp_path: Path, cfssl: Ca) -> None:
    take(declare(tmp_path), cfssl.folder)
    assert states(declare(tmp_path))["ca"] is State.OK
    assert states(declare(tmp_path, authority={"CN": "Fleet_CA", "ca": {"expiry": "10y"}}))["ca"] is State.OK
    written = declare(tmp_path, authority={"CN": "Fleet_CA", "ca": {"pathlen": 0}})
    assert states(written)["ca"] is State.CHANGED


def test_killed_at_every_call_to_the_disk(tmp_path: Path, cfssl: Ca, stride: int) -> None:
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


def _adopt(spec: Spec, ca: Ca) -> None:
    adopt.adopt(spec, ca.folder)


def _completed(spec: Spec, ca: Ca) -> bool:
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


def test_a_disk_that_is_full_at_each_call(tmp_path: Path, cfssl: Ca, stride: int) -> None:
    (tmp_path / "base").mkdir()
    outcomes = set()
    for spec, error in full_at_each_call(tmp_path / "base", tmp_path, partial(_adopt, ca=cfssl), stride, declare):
        if error:  # a leaf that can't be read is passed over, and named
            outcomes.add(_completed(spec, cfssl))
    assert outcomes == {True, False}


def test_no_call_of_it_escapes_the_count(tmp_path: Path, cfssl: Ca) -> None:
    assert escaping(partial(adopt.adopt, declare(tmp_path), cfssl.folder)) == []


def test_what_was_adopted_is_in_the_journal(tmp_path: Path, cfssl: Ca) -> None:
    spec = declare(tmp_path)
    adopted = take(spec, cfssl.folder)
    lines = list(issued.read((spec.pki / "issued.jsonl").read_text()))
    assert [(line["name"], line["sha256"]) for line in lines] == [
        (each.name, fingerprint(each.certificate)) for each in adopted.taken
    ]
    assert {(line["reason"], line["by"]) for line in lines} == {("adopted", None)}
    stage(spec, only=["server"], asked={"server": True}).commit()
    assert len((spec.pki / "issued.jsonl").read_text().splitlines()) == 3, "none is doubled"


def test_now_is_the_callers(tmp_path: Path, cfssl: Ca) -> None:
    later = datetime.now(UTC) + 400 * DAY
    adopted = adopt.adopt(declare(tmp_path), cfssl.folder, now=later)
    assert [each.name for each in adopted.taken] == ["ca"]
