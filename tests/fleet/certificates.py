"""CAs and certificates of a site and of others, as openssl sees them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from tests.fleet.conftest import Site


def other_ca(site: Site, name: str) -> str:
    """A root of someone else's, made with openssl; its SHA-256."""
    key = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    extensions = ["-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign"]
    files = ["-keyout", f"{site.folder}/{name}.key", "-out", f"{site.folder}/{name}.pem", "-subj", f"/CN={name}"]
    site.lab.run([*key, *extensions, *files], check=True, capture_output=True)
    return sha256(site.folder / f"{name}.pem")


def sha256(certificate: Path) -> str:
    """A certificate's SHA-256, as openssl says it."""
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha256"]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    return said.stdout.partition("=")[2].strip()


def trusts(site: Site, host: str, name: str) -> bool:
    pem = (site.folder / f"{name}.pem").read_text()
    return site.lab.exec(host, f"openssl verify -partial_chain <<'PEM'\n{pem}PEM\n").returncode == 0


def short(fingerprint: str) -> str:
    return fingerprint.replace(":", "").lower()[:12]


def certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def digest(file: Path) -> str:
    return certificate(file).fingerprint(SHA256()).hex()
