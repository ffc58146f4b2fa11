"""Encryption of a PKCS#8 key under a passphrase: PBES2 (RFC 8018 6.2), PBKDF2-HMAC-SHA256, AES-256-CBC.

``cryptography`` reads any number of rounds, but writes PKCS#8 with 2,048 of them and takes no other number. That is too
few for a key that may lie in a git repository, so the twelve lines of DER are written here.
"""

from __future__ import annotations

import base64
import hashlib
import os
import textwrap

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ROUNDS = 600_000
"""OWASP's number for PBKDF2-HMAC-SHA256 (Password Storage Cheat Sheet, 2023): about 0.2 s a key."""

_INTEGER, _OCTETS, _NULL, _OID, _SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
_PBES2 = bytes.fromhex("2a864886f70d01050d")  # 1.2.840.113549.1.5.13
_PBKDF2 = bytes.fromhex("2a864886f70d01050c")  # 1.2.840.113549.1.5.12
_HMAC_SHA256 = bytes.fromhex("2a864886f70d0209")  # 1.2.840.113549.2.9
_AES_256_CBC = bytes.fromhex("60864801650304012a")  # 2.16.840.1.101.3.4.1.42


def encrypt(pkcs8: bytes, passphrase: str) -> bytes:
    """Encrypt a PrivateKeyInfo (DER) into an ``ENCRYPTED PRIVATE KEY`` (PEM, RFC 7468 11)."""
    salt, iv = os.urandom(16), os.urandom(16)
    key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, ROUNDS, 32)
    pad = padding.PKCS7(algorithms.AES256.block_size).padder()
    cipher = Cipher(algorithms.AES256(key), modes.CBC(iv)).encryptor()
    secret = cipher.update(pad.update(pkcs8) + pad.finalize()) + cipher.finalize()

    rounds = _der(_INTEGER, ROUNDS.to_bytes(ROUNDS.bit_length() // 8 + 1, "big"))
    prf = _der(_SEQUENCE, _der(_OID, _HMAC_SHA256), _der(_NULL))
    kdf = _der(_SEQUENCE, _der(_OID, _PBKDF2), _der(_SEQUENCE, _der(_OCTETS, salt), rounds, prf))
    encryption = _der(_SEQUENCE, _der(_OID, _AES_256_CBC), _der(_OCTETS, iv))
    algorithm = _der(_SEQUENCE, _der(_OID, _PBES2), _der(_SEQUENCE, kdf, encryption))
    return _pem(_der(_SEQUENCE, algorithm, _der(_OCTETS, secret)))


def _der(tag: int, *parts: bytes) -> bytes:
    """One DER value (X.690 8.1): tag, length, content."""
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def _pem(der: bytes) -> bytes:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}\n-----END ENCRYPTED PRIVATE KEY-----\n".encode()
