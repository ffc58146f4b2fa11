"""Folders of other tools, made by the real openssl, laid out as cfssl, easy-rsa and openssl lay them out."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from anchorline.authority import State, adopt, keys, survey
from anchorline.authority.adopt import Adopted
from anchorline.errors import AuthorityError
from anchorline.spec.model import Spec

CA_EXTENSIONS = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
LEAF_EXTENSIONS = (
    "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
    "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName=DNS:a.example.com\n"
)


def openssl(folder: Path, command: str) -> None:
    done = subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class OpensslCa:
    """A CA in a folder of files, all made by openssl. ``key`` makes one: SEC1, PKCS#1, PKCS#8 or encrypted."""

    def __init__(self, folder: Path, certificate: str = "ca.pem", key: str = "ca-key.pem", name: str = "Fleet CA"):
        self.folder, self.certificate, self.key = folder, certificate, key
        for file in (certificate, key):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
        self.name = name

    def make(self, form: str = "sec1", days: int = 3650, extensions: str = CA_EXTENSIONS) -> OpensslCa:
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
