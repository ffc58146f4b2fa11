"""Certificates and signing requests, made and signed in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from anchorline.authority.constraints import Constraints
from anchorline.authority.keys import PrivateKey
from anchorline.authority.profile import DesiredAuthority, DesiredCertificate, authority_key_usage
from anchorline.errors import AuthorityError

BACKDATE = timedelta(hours=1)
"""How far ``notBefore`` lies back, for hosts whose clock is slow; a tenth of the life where that is less."""

_SECOND = timedelta(seconds=1)
SigningHash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512


def signing_hash(key: PrivateKey) -> SigningHash | None:
    """The hash that fits the strength of the signer's key (cfssl's choice); Ed25519 has its own."""
    match key:
        case ed25519.Ed25519PrivateKey():
            return None
        case rsa.RSAPrivateKey(key_size=size):
            return hashes.SHA512() if size >= 4096 else hashes.SHA384() if size >= 3072 else hashes.SHA256()
        case ec.EllipticCurvePrivateKey(key_size=size):
            return hashes.SHA512() if size > 384 else hashes.SHA384() if size > 256 else hashes.SHA256()


def make_authority(wanted: DesiredAuthority, key: PrivateKey, now: datetime) -> x509.Certificate:
    """Make a self-signed CA (RFC 5280 4.2.1.9: basic constraints critical, as Python 3.13 demands)."""
    start = _start(now, wanted.expiry)
    public_key = key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    builder = (
        x509.CertificateBuilder()
        .issuer_name(wanted.subject)
        .subject_name(wanted.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + wanted.expiry - _SECOND)
        .add_extension(x509.BasicConstraints(ca=True, path_length=wanted.pathlen), critical=True)
        .add_extension(authority_key_usage(), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    if wanted.constraints is not None:
        builder = builder.add_extension(wanted.constraints, critical=True)
    return builder.sign(key, signing_hash(key))


def make_authority_request(wanted: DesiredAuthority, key: PrivateKey) -> x509.CertificateSigningRequest:
    """The CA's own signing request, for whoever wants to certify it from elsewhere."""
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(wanted.subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=wanted.pathlen), critical=True)
    )
    return builder.sign(key, signing_hash(key))


def make_request(wanted: DesiredCertificate, key: PrivateKey) -> x509.CertificateSigningRequest:
    """A leaf's signing request: its subject and its names."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(wanted.subject)
    if wanted.names is not None:
        builder = builder.add_extension(wanted.names, critical=not wanted.subject.rdns)
    return builder.sign(key, signing_hash(key))


@dataclass(frozen=True)
class Issuer:
    """A CA with its key. ``above`` are the certificates between it and its root, whose constraints hold as well."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    above: tuple[x509.Certificate, ...] = ()
    constraints: Constraints = field(init=False, repr=False)
    begun: x509.CertificateBuilder = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "constraints", Constraints.of((self.certificate, *self.above)))
        object.__setattr__(self, "begun", self._begin())

    def _begin(self) -> x509.CertificateBuilder:
        """What is the same in every leaf of this CA."""
        return (
            x509.CertificateBuilder()
            .issuer_name(self.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(authority_identifier(self.certificate), critical=False)
        )

    def issue(self, wanted: DesiredCertificate, public_key: Any, now: datetime) -> x509.Certificate:
        """Sign a leaf.

        Raises AuthorityError where the CA has ended or not begun, or may not vouch for one of the names.
        """
        self._check(wanted, now)
        start = max(_start(now, wanted.expiry), self.certificate.not_valid_before_utc)
        builder = (
            self.begun.subject_name(wanted.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end(wanted, self.certificate, start))
            .add_extension(wanted.usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )
        if wanted.extended is not None:
            builder = builder.add_extension(wanted.extended, critical=False)
        if wanted.names is not None:
            # RFC 5280 4.2.1.6: critical if, and only if, the subject is empty
            builder = builder.add_extension(wanted.names, critical=not wanted.subject.rdns)
        return builder.sign(self.key, signing_hash(self.key))

    def _check(self, wanted: DesiredCertificate, now: datetime) -> None:
        begin, finish = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        cause = fix = ""
        if now > finish:
            cause = f"ended on {finish:%Y-%m-%d}; it can't issue"
        elif now < begin:
            cause, fix = f"begins at {begin:%Y-%m-%d %H:%M} UTC", "is this machine's clock right?"
        elif violations := list(self.constraints.violations(wanted.names or (), wanted.subject)):
            cause = f"may not vouch for {'; '.join(violations)}"
        if cause:
            raise AuthorityError(f"the CA {name_of(self.certificate)} {cause}", fix)


def authority_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The key identifier alone, and the one that the issuer really carries: issuer name and serial in it would break
    a CA that is issued again (RFC 5280 4.2.1.1 leaves the choice)."""
    try:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def end(wanted: DesiredCertificate, issuer: x509.Certificate, start: datetime) -> datetime:
    """When a leaf that starts then ends: its life, both ends counted (RFC 5280 4.1.2.5), but not after its CA."""
    return min(start + wanted.expiry - _SECOND, issuer.not_valid_after_utc)


def name_of(certificate: x509.Certificate) -> str:
    """The subject as people read it (RFC 4514)."""
    return certificate.subject.rfc4514_string() or "(no subject)"


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER form, in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def to_pem(document: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    """One PEM block: LF, 64 columns."""
    return document.public_bytes(serialization.Encoding.PEM)


def _start(now: datetime, expiry: timedelta) -> datetime:
    """``notBefore``, on a whole second."""
    return (now.astimezone(UTC) - min(BACKDATE, expiry / 10)).replace(microsecond=0)
