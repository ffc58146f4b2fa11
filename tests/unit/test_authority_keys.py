"""Keys: made, written, read; judged by openssl."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448

from anchorline.authority import keys
from anchorline.errors import AuthorityError, PassphraseError
from anchorline.spec.model import Key

FILE = Path("pki/test/server-key.pem")
KINDS = [
    Key(algo="rsa", size=2048),
    *(Key(algo="ecdsa", size=size) for size in (256, 384, 521)),
    Key(algo="ed25519"),
]


@pytest.mark.parametrize("kind", KINDS, ids=keys.describe)
@pytest.mark.parametrize("passphrase", [None, "correct horse Ü"])
def test_openssl_reads_what_we_write_and_so_do_we(kind: Key, passphrase: str | None, tmp_path: Path) -> None:
    key = keys.generate(kind)
    assert keys.kind(key.public_key()) == kind
    pem = keys.write(key, passphrase)
    (tmp_path / "key.pem").write_bytes(pem)
    command = ["openssl", "pkey", "-in", str(tmp_path / "key.pem"), "-passin", "env:PASS", "-pubout", "-outform", "der"]
    result = subprocess.run(command, env=os.environ | {"PASS": passphrase or ""}, capture_output=True, check=True)
    assert result.stdout == keys.public_bytes(key.public_key())
    assert keys.fit(keys.read(pem, FILE, passphrase), key.public_key())
    assert keys.encrypted(pem) is (passphrase is not None)
    header = "ENCRYPTED PRIVATE KEY" if passphrase else "PRIVATE KEY"
    assert pem.decode().startswith(f"-----BEGIN {header}-----\n")
    assert max(map(len, pem.splitlines())) <= 64


def test_the_passphrase_is_stretched_by_600000_rounds_of_sha256(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(keys.write(keys.generate(Key()), "secret"))
    command = ["openssl", "asn1parse", "-in", str(tmp_path / "key.pem")]
    parsed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rounds = [int(number, 16) for number in re.findall(r"INTEGER +:([0-9A-F]+)", parsed)]
    assert rounds == [600_000]
    for algorithm in ("PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc"):
        assert f":{algorithm}\n" in parsed


def test_each_file_has_its_own_salt() -> None:
    key = keys.generate(Key())
    assert keys.write(key, "secret") != keys.write(key, "secret")


@pytest.mark.parametrize(
    ("format_", "kind"),
    [("TraditionalOpenSSL", Key()), ("TraditionalOpenSSL", Key(algo="rsa", size=2048)), ("PKCS8", Key())],
)
@pytest.mark.parametrize("passphrase", [None, "secret"])
def test_the_forms_of_cfssl_and_openssl_are_read(format_: str, kind: Key, passphrase: str | None) -> None:
    key = keys.generate(kind)
    protection: Any = serialization.NoEncryption()
    if passphrase:
        protection = serialization.BestAvailableEncryption(passphrase.encode())
    pem = key.private_bytes(serialization.Encoding.PEM, getattr(serialization.PrivateFormat, format_), protection)
    assert keys.fit(keys.read(pem, FILE, passphrase), key.public_key())


def test_a_passphrase_that_is_not_needed_is_no_error() -> None:
    key = keys.generate(Key())
    assert keys.fit(keys.read(keys.write(key), FILE, "secret"), key.public_key())


@pytest.mark.parametrize("passphrase", [None, "", "wrong"])
def test_a_missing_or_wrong_passphrase_is_named(passphrase: str | None) -> None:
    pem = keys.write(keys.generate(Key()), "secret")
    with pytest.raises(PassphraseError, match="ANCHORLINE_PASSPHRASE") as caught:
        keys.read(pem, FILE, passphrase)
    assert str(FILE) in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


WHOLE = keys.write(keys.generate(Key()))


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"what is this", "no private key"),
        (b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "no private key"),
        (WHOLE[: len(WHOLE) // 2], "ends before"),
        (WHOLE.replace(WHOLE.splitlines()[1][:20], b"A" * 20), "can't be read"),
        (b"\x30\x81\x87" + b"\0" * 100, "no private key"),
    ],
)
def test_what_is_no_key_is_refused_by_name(pem: bytes, said: str) -> None:
    with pytest.raises(AuthorityError, match=said) as caught:
        keys.read(pem, FILE, "secret")
    assert str(FILE) in str(caught.value)
    assert not any(
        line and line in str(caught.value) for line in pem.decode("latin1").split("\n")[1:2] if len(line) > 20
    )


@pytest.mark.parametrize(
    "other", [ed448.Ed448PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1()), dsa.generate_private_key(1024)]
)
def test_other_kinds_of_keys_are_refused(other: Any) -> None:
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(AuthorityError):
        keys.read(pem, FILE)
    assert keys.kind(other.public_key()) is None
