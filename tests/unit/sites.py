"""A site of the authority in a folder, and everything about that folder that a run could change."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from anchorline.authority import issued, keys
from anchorline.spec.model import Spec

NOW = datetime(2026, 3, 1, tzinfo=UTC)
REQUEST = {"profile": "server", "CN": "a.example.com", "hosts": ["a.example.com"]}


def declare(folder: Path, *names: str, key: dict[str, Any] | None = None, expiry: str = "90d") -> Spec:
    request = REQUEST | ({"key": key} if key else {})
    return Spec.model_validate(
        {
            "version": 1,
            "site": "test",
            "authority": {"CN": "Fleet CA"},
            "signing": {"profiles": {"server": {"expiry": expiry, "usages": ["signing", "server auth"]}}},
            "certificates": dict.fromkeys(names or ("server",), request),
        }
    ).model_copy(update={"file": folder / "anchorline.yml"})


def snapshot(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Everything about a folder that a run could change."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path)] = (status.st_mode, status.st_uid, status.st_mtime_ns, status.st_ino, content)
    return found


def key_in(path: Path) -> Any:
    return load_pem_private_key(path.read_bytes(), None)


def assert_pairs(spec: Spec) -> None:
    """Each certificate in a place of its own has its key beside it."""
    for path in spec.pki.rglob("*-key.pem"):
        if ".commit" not in path.parts and ".draft" not in path.parts:
            certificate = x509.load_pem_x509_certificate(path.with_name(path.name.replace("-key", "")).read_bytes())
            assert keys.fit(key_in(path), certificate.public_key()), path


def pem(spec: Spec, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((spec.pki / f"{name}.pem").read_bytes())


def ca_keys(spec: Spec) -> set[bytes]:
    """Every CA key in the folder, wherever it lies."""
    files = [path for path in spec.pki.rglob("ca-key.pem") if path.stat().st_size and ".draft" not in path.parts]
    return {keys.public_bytes(key_in(path).public_key()) for path in files}


def journal(spec: Spec) -> list[dict[str, Any]]:
    return list(issued.read((spec.pki / "issued.jsonl").read_text()))
