"""Folders of other tools that aren't taken over: said why, and nothing is written."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from anchorline.authority import adopt, stage
from anchorline.errors import PassphraseError
from tests.unit.other_tools import (
    OpensslCa,
    declare,
    make_key,
    openssl,
    refused,
)

pytestmark = pytest.mark.usefixtures("no_passphrase")

DAY = timedelta(days=1)


class TestRefused:
    """Each in words, with nothing written."""

    def test_the_key_of_another(self, tmp_path: Path, cfssl: OpensslCa) -> None:
        make_key(cfssl.folder, "ca-key.pem", "sec1")
        refused(declare(tmp_path), cfssl.folder, "no key here is that of the CA CN=Fleet_CA", "ca.pem")

    def test_a_ca_without_key(self, tmp_path: Path, cfssl: OpensslCa) -> None:
        (cfssl.folder / "ca-key.pem").unlink()
        refused(declare(tmp_path), cfssl.folder, "no key here is that of the CA CN=Fleet_CA")

    def test_no_ca(self, tmp_path: Path, cfssl: OpensslCa) -> None:
        (cfssl.folder / "ca.pem").unlink()
        refused(declare(tmp_path), cfssl.folder, "no CA certificate in PEM is here")

    def test_two_cas(self, tmp_path: Path, cfssl: OpensslCa) -> None:
        OpensslCa(cfssl.folder, "two/ca.pem", "two/ca-key.pem", "Two").make()
        refused(declare(tmp_path), cfssl.folder, "several CAs", "CN=Fleet_CA", "CN=Two", "two/ca.pem")

    def test_an_ended_ca(self, tmp_path: Path, old: Path) -> None:
        OpensslCa(old).make(days=-1)
        refused(declare(tmp_path), old, "the CA CN=Fleet_CA ended on")

    def test_an_intermediate(self, tmp_path: Path, cfssl: OpensslCa) -> None:
        openssl(cfssl.folder, "ecparam -genkey -name prime256v1 -noout -out mid-key.pem")
        openssl(cfssl.folder, "req -new -key mid-key.pem -subj /CN=Mid -out mid.csr")
        openssl(
            cfssl.folder,
            "x509 -req -in mid.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 30 -extfile ca.ext -out mid.pem",
        )
        (cfssl.folder / "ca-key.pem").unlink()
        refused(declare(tmp_path), cfssl.folder, "CN=Mid is no root, CN=Fleet_CA issued it", "authority: {certificate")

    def test_an_encrypted_key_and_a_wrong_passphrase(self, tmp_path: Path, old: Path) -> None:
        OpensslCa(old).make("encrypted")
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
        self, tmp_path: Path, cfssl: OpensslCa, authority: dict[str, Any], said: str
    ) -> None:
        refused(declare(tmp_path, authority=authority), cfssl.folder, "authority section declares another CA", said)

    def test_a_spec_that_declares_none(self, tmp_path: Path, cfssl: OpensslCa) -> None:
        for authority in (None, {"certificate": "old/ca.pem"}):
            spec = declare(tmp_path, authority=authority, certificates={})
            refused(spec, cfssl.folder, "an `authority` that is declared with a CN")

    def test_a_site_that_has_a_ca(self, tmp_path: Path, cfssl: OpensslCa) -> None:
        spec = declare(tmp_path)
        stage(spec).commit()
        key = (spec.pki / "ca-key.pem").read_bytes()
        refused(spec, cfssl.folder, "ca-key.pem, ca.pem, ca.csr, ca.crt", "are here already")
        for path in spec.pki.iterdir():
            if path.name != "ca-key.pem":
                path.unlink()
        refused(spec, cfssl.folder, "ca-key.pem is here already")
        assert (spec.pki / "ca-key.pem").read_bytes() == key

    def test_too_many_files(self, tmp_path: Path, cfssl: OpensslCa, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(adopt, "MOST_FILES", 3)
        refused(declare(tmp_path), cfssl.folder, "more than 3 files")
