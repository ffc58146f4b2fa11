"""CAs and certificates of every kind of key, made in memory, and openssl to judge them."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from anchorline.authority.certificates import Issuer, make_authority
from anchorline.authority.keys import PrivateKey, generate
from anchorline.authority.profile import desired_authority, wanted
from anchorline.spec.model import DeclaredAuthority, Spec

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
KEYS = {
    "rsa": {"algo": "rsa", "size": 2048},
    "p256": {"algo": "ecdsa", "size": 256},
    "p384": {"algo": "ecdsa", "size": 384},
    "p521": {"algo": "ecdsa", "size": 521},
    "ed25519": {"algo": "ed25519"},
}
CHAINS = [
    ("rsa", "rsa"),
    ("rsa", "p256"),
    ("p256", "rsa"),
    ("p256", "p256"),
    ("p384", "p384"),
    ("p521", "p521"),
    ("p521", "p256"),
    ("ed25519", "ed25519"),
]
USAGES = ["signing", "key encipherment", "server auth"]


def declare(ca: str = "p256", leaf: str = "p256", authority: Any = None, usages: Any = USAGES, **request: Any) -> Spec:
    """A site with one certificate, ``server``."""
    constraints = {"dns": ["example.com"], "ip": ["192.0.2.0/24", "2001:db8::/32", "127.0.0.1"]}
    defaults = {
        "CN": "Fleet CA",
        "key": KEYS[ca],
        "names": [{"C": "CN", "O": "Fleet"}],
        "name_constraints": constraints,
    }
    asked = {
        "profile": "server",
        "CN": "registry.example.com",
        "hosts": ["registry.example.com", "example.com", "192.0.2.10", "2001:db8::1", "127.0.0.1"],
        "key": KEYS[leaf],
    }
    return Spec.model_validate(
        {
            "version": 1,
            "site": "test",
            "authority": defaults | (authority or {}),
            "signing": {"profiles": {"server": {"expiry": "90d", "usages": usages}}},
            "certificates": {"server": asked | request},
        }
    )


def certify(spec: Spec, now: datetime = NOW) -> Issuer:
    assert isinstance(spec.authority, DeclaredAuthority)
    asked = desired_authority(spec.authority)
    key = generate(asked.key)
    return Issuer(make_authority(asked, key, now), key)


def issue(spec: Spec, now: datetime = NOW, issuer: Issuer | None = None) -> tuple[Issuer, x509.Certificate, PrivateKey]:
    issuer = issuer or certify(spec, now)
    asked = wanted(spec, "server")
    key = generate(asked.key)
    return issuer, issuer.issue(asked, key.public_key(), now), key


def extensions(certificate: x509.Certificate) -> dict[type, tuple[Any, bool]]:
    return {type(each.value): (each.value, each.critical) for each in certificate.extensions}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
