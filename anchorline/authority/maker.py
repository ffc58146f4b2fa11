"""Keys and certificates made in memory: what a survey found missing, and what was asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from anchorline.authority import certificates, disk, keys, profile
from anchorline.authority.certificates import Issuer, name_of
from anchorline.authority.keys import PrivateKey
from anchorline.authority.layout import CA, certificate_file, key_file
from anchorline.authority.passphrase import Passphrase
from anchorline.authority.plan import TO_ISSUE, CertificateStatus, State
from anchorline.authority.survey import Survey
from anchorline.errors import AuthorityError
from anchorline.problem import Place
from anchorline.spec.model import DeclaredAuthority, ExistingAuthority


@dataclass(frozen=True)
class Made:
    """A certificate with its key, made in this run. ``new_key`` tells whether the key has to be written as well."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    request: x509.CertificateSigningRequest
    new_key: bool


class Maker:
    """Makes for a site. ``asked`` are certificates to issue whatever their state, each with whether its key is new."""

    def __init__(self, found: Survey, passphrase: Passphrase, asked: Mapping[str, bool] | None = None) -> None:
        self.found, self.passphrase, self.asked = found, passphrase, asked or {}

    def make(self, chosen: Collection[CertificateStatus]) -> dict[str, Made]:
        """The CA where there is none, and of the chosen certificates those that are due for any reason."""
        made: dict[str, Made] = {}
        authority = self.found.authority
        if authority is not None and authority.state is State.MISSING:
            made[CA] = self.make_authority()
        ours = [status for status in chosen if status.name in self.found.wanted]
        todo = [status for status in ours if status.state in TO_ISSUE or status.name in self.asked]
        if todo:
            issuer = Issuer(made[CA].certificate, made[CA].key) if CA in made else self._issuer(todo)
            made |= {status.name: self._make(status, issuer) for status in todo}
        return made

    def make_authority(self, generation: int = 1) -> Made:
        """A CA as the spec declares it."""
        assert isinstance(self.found.spec.authority, DeclaredAuthority)  # noqa: S101 (only a declared one is ever made)
        wanted = profile.desired_authority(self.found.spec.authority, generation)
        key = keys.generate(wanted.key)
        certificate = certificates.make_authority(wanted, key, self.found.now)
        return Made(certificate, key, certificates.make_authority_request(wanted, key), new_key=True)

    def _make(self, status: CertificateStatus, issuer: Issuer) -> Made:
        wanted = self.found.wanted[status.name]
        old = status.certificate
        keep = old is not None and keys.kind(old.public_key()) == wanted.key and not self._rekeys(status)
        key = (
            stored_key(self.found, status.name, old, self.passphrase)
            if old is not None and keep
            else keys.generate(wanted.key)
        )
        certificate = issuer.issue(wanted, key.public_key(), self.found.now)
        return Made(certificate, key, certificates.make_request(wanted, key), new_key=not keep)

    def _rekeys(self, status: CertificateStatus) -> bool:
        """What only changed its names keeps its key; what is renewed does as the spec says, or as was asked."""
        renewed = self.found.signer != CA or status.state in (State.DUE, State.EXPIRED)
        return self.asked.get(status.name, renewed and self.found.spec.renewal.rekey)

    def _issuer(self, todo: Collection[CertificateStatus]) -> Issuer:
        found = self.found
        assert found.chain is not None  # noqa: S101 (judged before: what has no CA isn't issued)
        waiting = ", ".join(f"{status.name} ({status.reason or 'asked for'})" for status in todo)
        existing = found.spec.authority if isinstance(found.spec.authority, ExistingAuthority) else None
        if existing is not None:
            if existing.key is None:
                raise AuthorityError(f"authority: no key is given, but to be issued: {waiting}", "give `key:` as well")
            file = found.spec.path(existing.key)
            pem = disk.read_key(file)
        else:
            file = found.store.path(key_file(found.signer))
            if not found.contents.has(key_file(found.signer)):
                raise AuthorityError(
                    f"the CA's key isn't here, but to be issued: {waiting}",
                    "restore it, or issue where it is",
                    Place(file),
                )
            pem = found.store.read(key_file(found.signer))
        key = self.passphrase.read(pem, file)
        if not keys.fit(key, found.chain.issuer.public_key()):
            raise AuthorityError("this is not the key of the CA", "restore the one that belongs to it", Place(file))
        return Issuer(found.chain.issuer, key, found.chain.above)


def fitting_key(file: Path, certificate: x509.Certificate, passphrase: Passphrase) -> PrivateKey:
    """The key in ``file``. Raises StoreError, PassphraseError, and AuthorityError where it isn't the certificate's."""
    key = passphrase.read(disk.read_key(file), file)
    if not keys.fit(key, certificate.public_key()):
        raise AuthorityError(
            f"this is not the key of {name_of(certificate)}", "give the one that belongs to it", Place(file)
        )
    return key


def stored_key(found: Survey, name: str, certificate: x509.Certificate, passphrase: Passphrase) -> PrivateKey:
    """A certificate's key from the store. Raises AuthorityError where it isn't there or doesn't fit."""
    file = found.store.path(key_file(name))
    if not found.contents.has(file.name):
        raise AuthorityError(f"the key of {name} isn't here", "restore it, or deploy where it is", Place(file))
    pem = found.store.read(key_file(name))
    key = passphrase.read(pem, file)
    if not keys.fit(key, certificate.public_key()):
        raise AuthorityError(
            f"this is not the key of {certificate_file(name)}",
            "restore the one that belongs to it, or move both away, and a new pair is made",
            Place(file),
        )
    return key
