"""Certificates as other tools make them, and a site whose registry serves one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from anchorline.authority import keys, stage
from anchorline.authority.certificates import to_pem
from anchorline.authority.check import check
from anchorline.errors import AuthorityError
from anchorline.spec import load
from anchorline.spec.model import Spec

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
HOSTS = ("registry.example.com", "192.0.2.10")
FOR_SERVERS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
FOR_CLIENTS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])


@dataclass
class Cert:
    """A certificate as another tool would make it."""

    name: str
    above: Cert | None = None
    ca: bool = True
    pathlen: int | None = None
    hosts: tuple[str, ...] = ()
    begins: timedelta = -30 * DAY
    ends: timedelta = 300 * DAY
    more: tuple[x509.ExtensionType, ...] = ()
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        issuer = self.above.certificate.subject if self.above else subject
        builder = x509.CertificateBuilder(issuer, subject, self.key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(NOW + self.begins).not_valid_after(NOW + self.ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=self.ca, path_length=self.pathlen), critical=True)
        if self.hosts:
            names = [x509.IPAddress(ip_address(h)) if h[0].isdigit() else x509.DNSName(h) for h in self.hosts]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        for extension in self.more:
            builder = builder.add_extension(extension, critical=False)
        self.certificate = builder.sign((self.above or self).key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return to_pem(self.certificate)


def leaf(above: Cert, **changes: Any) -> Cert:
    mine: dict[str, Any] = {"ca": False, "hosts": HOSTS, "more": (FOR_SERVERS,)}
    return Cert("Registry", above, **(mine | changes))


ROOT = Cert("Company Root")
MIDDLE = Cert("Company Issuing", ROOT, pathlen=0)
OTHER = Cert("Other Root")
ENDED = Cert("Ended Root", ends=-DAY)


class BroughtSite:
    """A site whose registry serves what was brought."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = "{certificate: root.pem}"
        self.more = ""
        self.put("root.pem", ROOT.pem)

    def put(self, file: str, content: bytes) -> None:
        (self.folder / file).write_bytes(content)
        if file.endswith("key.pem"):
            (self.folder / file).chmod(0o600)

    def bring(self, *chain: Cert, key: Cert | None = None) -> None:
        self.put("server.pem", b"".join(each.pem for each in chain))
        self.put("server-key.pem", keys.write((key or chain[0]).key))

    @property
    def spec(self) -> Spec:
        authority = f"authority: {self.authority}\n" if self.authority else ""
        (self.folder / "anchorline.yml").write_text(
            f"version: 1\nsite: test\n{authority}"
            "certificates: {server: {certificate: server.pem, key: server-key.pem}}\n"
            "registry: {address: registry.example.com, aliases: [192.0.2.10], certificate: server, "
            f"listen: '0.0.0.0:443'}}\nignore: [ANC221]\n{self.more}"
        )
        return load(self.folder / "anchorline.yml")

    def problem(self) -> str:
        """Why a deploy would refuse, without the file's name in front of each line."""
        with pytest.raises(AuthorityError) as caught:
            stage(self.spec, NOW)
        lines = str(caught.value).splitlines()
        assert all(line.startswith(str(self.folder)) for line in lines)
        said = [f"{each.cause}{f'; {each.fix}' * bool(each.fix)}" for each in self.check() if not each.warning]
        assert said == sorted(lines), "check says the same"
        return "\n".join(line.partition(": ")[2] for line in lines)

    def check(self) -> list[Any]:
        _ = self.spec
        return sorted(check(self.folder / "anchorline.yml"), key=lambda each: each.cause)
