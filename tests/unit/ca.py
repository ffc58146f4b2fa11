"""A CA that this code didn't make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from anchorline.authority import keys
from anchorline.authority.certificates import to_pem

NOW = datetime.now(UTC)


class Ca:
    """A CA that other tools made."""

    def __init__(self, name: str, above: Ca | None = None, *, ca: bool = True, days: int = 10) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = above.certificate.subject if above else subject
        builder = x509.CertificateBuilder(issuer, subject, self.key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(NOW - timedelta(days=30)).not_valid_after(NOW + timedelta(days=days))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        self.certificate: x509.Certificate = builder.sign(above.key if above else self.key, hashes.SHA256())
        self.pem: bytes = to_pem(self.certificate)

    def write_key(self, file: Path) -> None:
        file.write_bytes(keys.write(self.key))
        file.chmod(0o600)
