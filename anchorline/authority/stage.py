"""The authority of a deploy: read, made in memory as far as something is missing, and written by one ``commit``."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from anchorline.authority import anchors as trusted
from anchorline.authority import certificates, disk, keys, profile
from anchorline.authority.certificates import Issuer, fingerprint, to_pem
from anchorline.authority.keys import PrivateKey
from anchorline.authority.plan import TO_ISSUE, Standing, State
from anchorline.authority.store import CA, certificate_file, der_file, files_of, is_ca, key_file, request_file
from anchorline.authority.survey import Survey, also, survey
from anchorline.errors import AnchorlineError, AuthorityError
from anchorline.spec.model import DeclaredAuthority, ExistingAuthority, Spec


@dataclass(frozen=True)
class Change:
    """What a commit will write, and why. ``name`` is "ca" or a certificate's; ``file`` is its certificate."""

    name: str
    state: State
    reason: str
    file: Path


@dataclass(frozen=True)
class ServerCertificate:
    """What a TLS server shows: the leaf, then the intermediates. ``fingerprint``: SHA-256 of the leaf's DER form."""

    pem: str
    fingerprint: str


@dataclass(frozen=True)
class Pair:
    """What a TLS server needs: the certificate as it is shown, and its key, not encrypted."""

    certificate_pem: str
    key_pem: str = field(repr=False)
    fingerprint: str


@dataclass(frozen=True)
class _Made:
    """A certificate with its key, made in this run. ``new_key`` tells whether the key has to be written as well."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    request: x509.CertificateSigningRequest
    new_key: bool


def stage(
    spec: Spec,
    now: datetime | None = None,
    *,
    passphrase: str | None = None,
    only: Collection[str] | None = None,
) -> Staged:
    """Read a site's authority and make in memory what is missing. Nothing is written, and no key is read unless
    something has to be issued.

    ``passphrase`` is ``ANCHORLINE_PASSPHRASE``'s value by default. ``only`` names the certificates to look after;
    by default all. Raises AuthorityError, StoreError or PassphraseError, with everything that stands in the way.
    """
    passphrase = passphrase if passphrase is not None else os.environ.get(keys.PASSPHRASE)
    found = survey(spec, now)
    found.require_usable(only)
    others = tuple(also(spec, found.now))
    maker = _Maker(found, passphrase or None)
    made = maker.make([each for each in found.certificates if only is None or each.name in only])
    return Staged(found, made, others, passphrase or None)


class Staged:
    """A site's authority as it will be after ``commit``.

    ``ca`` is the root that hosts shall trust, ``anchors`` are all they shall trust: it and those of ``trust.also``;
    ``changes`` is what ``commit`` will write, and empty where there is nothing to do.
    """

    def __init__(
        self, found: Survey, made: dict[str, _Made], others: tuple[x509.Certificate, ...], passphrase: str | None
    ) -> None:
        self._survey, self._made, self._passphrase = found, made, passphrase
        self._pairs: dict[str, Pair] = {}
        self._outcome: AnchorlineError | bool = False
        self.ca = made[CA].certificate if CA in made else found.chain.root if found.chain else None
        own = () if self.ca is None else (self.ca,)
        self.anchors = trusted.anchors(found.spec.site, (*own, *others))
        self.changes = tuple(_changes(found, made))

    def __repr__(self) -> str:
        return f"Staged({self._survey.spec.site!r}, {len(self.changes)} changes)"

    @property
    def is_new_ca(self) -> bool:
        """Whether ``commit`` would write a CA that didn't exist before."""
        return CA in self._made

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the CA, in hexadecimal. None where the spec declares no CA."""
        return None if self.ca is None else fingerprint(self.ca)

    @property
    def standings(self) -> tuple[Standing, ...]:
        """How the CA and each certificate stood before."""
        return self._survey.standings

    def certificate(self, name: str) -> ServerCertificate:
        """A certificate with its intermediates, without a look at its key.

        Raises KeyError for a name that the spec doesn't have, and AuthorityError where it was never issued.
        """
        leaf = self._leaf(name)
        chain = self._survey.chain
        pem = b"".join(map(to_pem, (leaf, *(chain.intermediates if chain else ()))))
        return ServerCertificate(pem.decode(), fingerprint(leaf))

    def pair(self, name: str) -> Pair:
        """A certificate with its key, read and decrypted on the first call.

        Raises KeyError for a name that the spec doesn't have, PassphraseError, StoreError, and AuthorityError where
        the key doesn't fit.
        """
        if name not in self._pairs:
            self._pairs[name] = self._pair(name)
        return self._pairs[name]

    def commit(self) -> None:
        """Write what was made, all of it or nothing. A second call does nothing, or raises what the first one raised.

        Raises StoreError where the disk refuses or has changed since it was read.
        """
        if self._outcome is False and self.changes:
            try:
                self._survey.store.commit(dict(self._files()), self._survey.contents, self._survey.names)
            except AnchorlineError as error:
                self._outcome = error
        if isinstance(self._outcome, AnchorlineError):
            raise self._outcome
        self._outcome = True

    def _leaf(self, name: str) -> x509.Certificate:
        if name in self._made:
            return self._made[name].certificate
        standing = next((each for each in self._survey.certificates if each.name == name), None)
        if standing is None:
            raise KeyError(name)
        if standing.certificate is None:
            raise standing.problem or AuthorityError(f"{standing.file}: not issued yet; anchorline pki issue {name}")
        return standing.certificate

    def _pair(self, name: str) -> Pair:
        served = self.certificate(name)
        made = self._made.get(name)
        key = made.key if made else _stored_key(self._survey, name, self._leaf(name), self._passphrase)
        return Pair(served.pem, keys.write(key).decode(), served.fingerprint)

    def _files(self) -> Iterator[tuple[str, bytes]]:
        for name, made in self._made.items():
            if made.new_key:
                yield key_file(name), keys.write(made.key, self._passphrase)
            yield certificate_file(name), to_pem(made.certificate)
            yield request_file(name), to_pem(made.request)
            if is_ca(name):
                yield der_file(name), made.certificate.public_bytes(serialization.Encoding.DER)


class _Maker:
    """Makes in memory what a survey found missing."""

    def __init__(self, found: Survey, passphrase: str | None) -> None:
        self.found, self.passphrase = found, passphrase

    def make(self, chosen: Collection[Standing]) -> dict[str, _Made]:
        """The CA where there is none, and of the chosen certificates those that are due for any reason."""
        made: dict[str, _Made] = {}
        authority = self.found.authority
        if authority is not None and authority.state is State.MISSING:
            made[CA] = self._make_authority()
        todo = [standing for standing in chosen if standing.state in TO_ISSUE]
        if todo:
            issuer = Issuer(made[CA].certificate, made[CA].key) if CA in made else self._issuer(todo)
            made |= {standing.name: self._make(standing, issuer) for standing in todo}
        return made

    def _make_authority(self) -> _Made:
        assert isinstance(self.found.spec.authority, DeclaredAuthority)  # noqa: S101 (only a declared one is ever missing)
        wanted = profile.wanted_authority(self.found.spec.authority)
        key = keys.generate(wanted.key)
        certificate = certificates.make_authority(wanted, key, self.found.now)
        return _Made(certificate, key, certificates.make_authority_request(wanted, key), new_key=True)

    def _make(self, standing: Standing, issuer: Issuer) -> _Made:
        wanted = self.found.wanted[standing.name]
        old = standing.certificate
        keep = old is not None and keys.kind(old.public_key()) == wanted.key
        key = (
            _stored_key(self.found, standing.name, old, self.passphrase)
            if old is not None and keep
            else keys.generate(wanted.key)
        )
        certificate = issuer.issue(wanted, key.public_key(), self.found.now)
        return _Made(certificate, key, certificates.make_request(wanted, key), new_key=not keep)

    def _issuer(self, todo: Collection[Standing]) -> Issuer:
        found = self.found
        assert found.chain is not None  # noqa: S101 (judged before: what has no CA isn't issued)
        waiting = ", ".join(f"{standing.name} ({standing.reason})" for standing in todo)
        existing = found.spec.authority if isinstance(found.spec.authority, ExistingAuthority) else None
        if existing is not None:
            if existing.key is None:
                raise AuthorityError(f"authority: no key is given, but to be issued: {waiting}; give `key:` as well")
            file = found.spec.path(existing.key)
            pem = disk.read_key(file)
        else:
            file = found.store.path(key_file(CA))
            if not found.contents.has(file.name):
                raise AuthorityError(
                    f"{file}: the CA's key isn't here, but to be issued: {waiting}; restore it, or issue where it is"
                )
            pem = found.store.read_key(CA)
        key = keys.read(pem, file, self.passphrase)
        if not keys.fit(key, found.chain.issuer.public_key()):
            raise AuthorityError(f"{file}: this is not the key of the CA; restore the one that belongs to it")
        return Issuer(found.chain.issuer, key, found.chain.above)


def _stored_key(found: Survey, name: str, certificate: x509.Certificate, passphrase: str | None) -> PrivateKey:
    file = found.store.path(key_file(name))
    if not found.contents.has(file.name):
        raise AuthorityError(f"{file}: the key of {name} isn't here; restore it, or deploy where it is")
    key = keys.read(found.store.read_key(name), file, passphrase)
    if not keys.fit(key, certificate.public_key()):
        raise AuthorityError(
            f"{file}: this is not the key of {certificate_file(name)}; restore the one that belongs to it, "
            "or move both away, and a new pair is made"
        )
    return key


def _changes(found: Survey, made: dict[str, _Made]) -> Iterator[Change]:
    for standing in found.standings:
        if standing.name in made:
            yield Change(standing.name, standing.state, standing.reason, standing.file)
        elif found.contents.unfinished.intersection(files_of(standing.name)):
            reason = "an interrupted run made it; it is put in its place"
            yield Change(standing.name, State.UNFINISHED, reason, standing.file)
