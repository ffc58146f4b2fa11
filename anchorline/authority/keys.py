"""Private keys: made, written as PKCS#8, read back. Nothing here prints one."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from anchorline.authority import pbes2
from anchorline.errors import AuthorityError, PassphraseError
from anchorline.problem import Place
from anchorline.spec.model import Key

PASSPHRASE = "ANCHORLINE_PASSPHRASE"  # noqa: S105 (a variable's name)
"""The environment variable that holds the passphrase of all keys of a site."""

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_CURVES: dict[int, ec.EllipticCurve] = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
_RESTORE = "restore the key from a backup"
_BLOCK = re.compile(
    rb"-----BEGIN (?P<label>(?:[A-Z0-9]+ )?PRIVATE KEY)-----(?P<body>.*?)-----END (?P=label)-----", re.DOTALL
)


def generate(key: Key) -> PrivateKey:
    """Make a key as it is declared."""
    match key.algo:
        case "rsa":
            return rsa.generate_private_key(public_exponent=65537, key_size=key.size)
        case "ecdsa":
            return ec.generate_private_key(_CURVES[key.size])
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()


def kind(public_key: Any) -> Key | None:
    """What a public key is, in the spec's words; None where the spec has no word for it."""
    match public_key:
        case rsa.RSAPublicKey(key_size=size) if 2048 <= size <= 8192:
            return Key(algo="rsa", size=size)
        case ec.EllipticCurvePublicKey(curve=curve) if isinstance(curve, tuple(map(type, _CURVES.values()))):
            return Key(algo="ecdsa", size=curve.key_size)
        case ed25519.Ed25519PublicKey():
            return Key(algo="ed25519")
        case _:
            return None


def describe(key: Key | None) -> str:
    """``ecdsa 256``, ``rsa 2048``, ``ed25519``; for a key that the spec has no word for, ``another kind``."""
    return "another kind" if key is None else f"{key.algo} {key.size}" if key.size else key.algo


def fit(private_key: PrivateKey, public_key: Any) -> bool:
    """Whether the two are halves of one pair."""
    return public_bytes(private_key.public_key()) == public_bytes(public_key)


def public_bytes(public_key: Any) -> bytes:
    """The SubjectPublicKeyInfo in DER."""
    der: bytes = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return der


def write(private_key: PrivateKey, passphrase: str | None = None) -> bytes:
    """The key as PKCS#8 in PEM, encrypted where there is a passphrase."""
    encoding = serialization.Encoding.DER if passphrase else serialization.Encoding.PEM
    plain = private_key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pbes2.encrypt(plain, passphrase) if passphrase else plain


def encrypted(pem: bytes) -> bool:
    """Whether a key file needs a passphrase: PKCS#8's header, or the older ``Proc-Type: 4,ENCRYPTED``."""
    return b"ENCRYPTED" in pem[:200]


def require_form(pem: bytes, file: Path) -> None:
    """Tell a whole key from what is none, as far as that goes without a passphrase.

    Raises AuthorityError where ``file`` (named in the message) is empty, is cut short, or holds something else; for a
    key that isn't encrypted as ``read`` does.
    """
    _require_outer_form(pem, file)
    if not encrypted(pem):
        _load(pem, file, None, "", quick=True)


def read(pem: bytes, file: Path, passphrase: str | None = None, source: str = PASSPHRASE) -> PrivateKey:
    """Read a key from PEM: PKCS#8, or the forms of cfssl and OpenSSL's older tools.

    Raises PassphraseError where the passphrase is missing or wrong, and AuthorityError where ``file`` (named in
    the message) holds no key, half of one, or a kind that the spec has no word for. ``source``: where the passphrase
    came from, for that message.
    """
    _require_outer_form(pem, file)
    if encrypted(pem) and not passphrase:
        raise PassphraseError(
            "the key is encrypted", f"set {PASSPHRASE} to its passphrase (or _FILE, _COMMAND)", Place(file)
        )
    return _load(pem, file, passphrase, source)


def _require_outer_form(pem: bytes, file: Path) -> None:
    """A block of PEM (RFC 7468) with a private key's label; of an encrypted one what can be told from outside."""
    if not pem.strip():
        raise AuthorityError("the file is empty", _RESTORE, Place(file))
    if b"PRIVATE KEY-----" not in pem:
        raise AuthorityError("no private key in PEM", _RESTORE, Place(file))
    block = _BLOCK.search(pem)
    if block is None:
        raise AuthorityError("the file ends before the key does", _RESTORE, Place(file))
    if not encrypted(pem):
        return
    try:
        # behind the headers of older tools (RFC 1421), whose content is no DER
        der = base64.b64decode(b"".join(block["body"].replace(b"\r", b"").split(b"\n\n")[-1].split()), validate=True)
    except ValueError:
        der = b""
    if not der or (block["label"].startswith(b"ENCRYPTED") and not _is_sequence(der)):
        raise AuthorityError("the private key can't be read", "restore it from a backup", Place(file))


def _is_sequence(der: bytes) -> bool:
    """Whether this is one SEQUENCE from its first to its last byte (X.690 8.1.3)."""
    if len(der) < 2 or der[0] != 0x30:
        return False
    if der[1] < 0x80:
        return len(der) == 2 + der[1]
    octets = der[1] & 0x7F
    return len(der) == 2 + octets + int.from_bytes(der[2 : 2 + octets])


def _load(pem: bytes, file: Path, passphrase: str | None, source: str, *, quick: bool = False) -> PrivateKey:
    """``quick``: without RSA's own proof of its numbers, which takes longest."""
    try:
        secret = passphrase.encode() if passphrase and encrypted(pem) else None
        key = serialization.load_pem_private_key(pem, secret, unsafe_skip_rsa_key_validation=quick)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # the library's own words may differ between versions, and a traceback must not carry what it read
        problem = (
            PassphraseError(
                f"what {source} gives is not this key's passphrase (or the file is damaged)", where=Place(file)
            )
            if encrypted(pem)
            else AuthorityError("the private key can't be read", "restore it from a backup", Place(file))
        )
        raise problem from None
    if not isinstance(key, PrivateKey) or kind(key.public_key()) is None:
        raise AuthorityError(
            "rsa (2048 to 8192), ecdsa (256, 384, 521) and ed25519 keys are known, not this one", where=Place(file)
        )
    return key
