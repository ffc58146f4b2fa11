"""The authority of a deploy: read, made in memory as far as something is missing, and written by one ``commit``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from anchorline.authority import anchors as trusted
from anchorline.authority import issued, keys
from anchorline.authority.anchors import read_certificates
from anchorline.authority.certificates import fingerprint, to_pem
from anchorline.authority.issued import Issue
from anchorline.authority.layout import (
    CA,
    JOURNAL,
    NEXT_CA,
    PREVIOUS,
    certificate_file,
    der_file,
    files_of,
    is_ca,
    key_file,
    request_file,
)
from anchorline.authority.maker import Made, Maker, fitting_key, stored_key
from anchorline.authority.passphrase import Passphrase
from anchorline.authority.plan import CertificateStatus, State
from anchorline.authority.survey import Survey, survey
from anchorline.commands import anchorline
from anchorline.errors import AnchorlineError, AuthorityError
from anchorline.problem import Place
from anchorline.spec.model import Spec

EXTERNAL = "# issued elsewhere\n"
"""How the PEM begins that vouches for a certificate that we didn't issue."""


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


def stage(
    spec: Spec,
    now: datetime | None = None,
    *,
    passphrase: str | None = None,
    only: Collection[str] | None = None,
    asked: Mapping[str, bool] | None = None,
) -> Staged:
    """Read a site's authority and make in memory what is missing. Nothing is written, and no key is read unless
    something has to be issued.

    ``passphrase`` comes from ``passphrase.py``'s sources by default. ``only`` names the certificates to look after;
    by default all. ``asked`` are those to issue whatever their state, each with whether its key is new. Raises
    AuthorityError, StoreError or PassphraseError, with everything that stands in the way.
    """
    secret = Passphrase(passphrase)
    found = survey(spec, now)
    found.require_usable(only)
    made = Maker(found, secret, asked).make([each for each in found.certificates if only is None or each.name in only])
    return Staged(found, made, secret)


class Staged:
    """A site's authority as it will be after ``commit``.

    ``ca`` is the root that hosts shall trust and that issues; ``own`` are its generations, of which hosts trust all;
    ``anchors`` are all they shall trust: these and those of ``trust.also``. ``changes`` is what ``commit`` will write,
    and empty where there is nothing to do. ``moves`` are files that go elsewhere with it, ``replaces`` the CA key that
    it may replace.
    """

    def __init__(
        self,
        found: Survey,
        made: dict[str, Made],
        passphrase: Passphrase,
        moves: Mapping[str, bytes] | None = None,
        replaces: Mapping[str, str] | None = None,
        *first: Change,
    ) -> None:
        self._survey, self._made, self._passphrase = found, made, passphrase
        self._moves, self._replaces = moves or {}, replaces or {}
        self._pairs: dict[str, Pair] = {}
        self._outcome: AnchorlineError | bool = False
        self.ca = made[CA].certificate if CA in made else found.chain.root if found.chain else None
        roots = [chain.root for chain in found.generations.values()]
        roots += [each.certificate for name, each in made.items() if name == NEXT_CA]
        # in an order that a promotion doesn't change, for files of hosts hold them in it
        self.own = tuple(sorted((*([self.ca] if self.ca else []), *roots), key=fingerprint))
        self.anchors = trusted.anchors(found.spec.site, (*self.own, *found.also()))
        self.changes = (*first, *_changes(found, made))

    def __repr__(self) -> str:
        return f"Staged({self._survey.spec.site!r}, {len(self.changes)} changes)"

    @property
    def folder(self) -> Path:
        """Where ``commit`` writes."""
        return self._survey.store.folder

    @property
    def is_new_ca(self) -> bool:
        """Whether ``commit`` would write a CA that didn't exist before."""
        return CA in self._made

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the CA, in hexadecimal. None where the spec declares no CA."""
        return None if self.ca is None else fingerprint(self.ca)

    @property
    def next(self) -> x509.Certificate | None:
        """The CA that will take the present one's place, while a rotation stands."""
        chain = self._survey.generations.get(NEXT_CA)
        return chain.root if chain else None

    @property
    def known(self) -> frozenset[str]:
        """SHA-256 of every certificate that this store has heard of. A CA that was withdrawn: its first digits."""
        journal = issued.known(self._survey.store.read_text(JOURNAL))
        here = {fingerprint(each.certificate) for each in self._found()}
        return journal | here | frozenset(self._survey.store.retired())

    @property
    def statuses(self) -> tuple[CertificateStatus, ...]:
        """How the CA and each certificate stood before."""
        return self._survey.statuses

    def certificate(self, name: str) -> ServerCertificate:
        """A certificate with its intermediates, without reading its key.

        Raises KeyError for a name that the spec doesn't have, and AuthorityError where it was never issued.
        """
        leaf = self._leaf(name)
        chain = self._survey.above(name)
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

    def vouching(self, name: str) -> str:
        """What vouches for a certificate, as PEM. For one that was brought it begins with a line that says so, and is
        only that where a public CA does."""
        external = self._survey.external.get(name)
        root = external.root if external else self.ca
        return (EXTERNAL if external else "") + (to_pem(root).decode() if root else "")

    def commit(self) -> None:
        """Write what was made, all of it or nothing. A second call does nothing, or raises what the first one raised.

        Raises StoreError where the disk refuses or has changed since it was read.
        """
        if self._outcome is False and self.changes:
            try:
                store, found = self._survey.store, self._survey
                store.commit(dict(self._files()), found.contents, found.names, replaces=self._replaces)
            except AnchorlineError as error:
                self._outcome = error
        if isinstance(self._outcome, AnchorlineError):
            raise self._outcome
        self._outcome = True

    def _leaf(self, name: str) -> x509.Certificate:
        if name in self._made:
            return self._made[name].certificate
        status = next((each for each in self._survey.certificates if each.name == name), None)
        if status is None:
            raise KeyError(name)
        if status.certificate is None:
            raise status.problem or AuthorityError(
                "not issued yet", anchorline(f"pki issue {name}", self._survey.spec.file), Place(status.file)
            )
        return status.certificate

    def _pair(self, name: str) -> Pair:
        served = self.certificate(name)
        made, external = self._made.get(name), self._survey.external.get(name)
        if external:
            key = fitting_key(external.key_file, external.certificate, self._passphrase)
        else:
            key = made.key if made else stored_key(self._survey, name, self._leaf(name), self._passphrase)
        return Pair(served.pem, keys.write(key).decode(), served.fingerprint)

    def _files(self) -> Iterator[tuple[str, bytes]]:
        store, contents = self._survey.store, self._survey.contents
        yield from self._moves.items()
        for name, made in self._made.items():
            if made.new_key:
                yield key_file(name), keys.write(made.key, self._passphrase.get())
            yield certificate_file(name), to_pem(made.certificate)
            yield request_file(name), to_pem(made.request)
            if is_ca(name):
                yield der_file(name), made.certificate.public_bytes(serialization.Encoding.DER)
            else:
                for file in filter(contents.has, files_of(name)):
                    yield f"{PREVIOUS}/{file}", store.read(file)
        if self._made:
            added = issued.lines(self._issues(), self._found(), store.read_text(JOURNAL), *self._place())
            yield JOURNAL, added.encode()

    def _place(self) -> tuple[Path, datetime]:
        return self._survey.spec.folder, self._survey.now

    def _issues(self) -> Iterator[Issue]:
        requests = self._survey.spec.requests
        old = {each.name: each for each in self._survey.certificates}
        for change in self.changes:
            if change.name in self._made:
                profile = "" if is_ca(change.name) else requests[change.name].profile
                replaced = old[change.name].certificate if change.name in old else None
                reason = f"{change.state}: {change.reason}"
                yield Issue(change.name, self._made[change.name].certificate, profile, replaced, reason)

    def _found(self) -> Iterator[Issue]:
        """Every certificate that is in the store now, those that were replaced among them."""
        requests = self._survey.spec.requests
        for file, pem in {**self._survey.store.replaced(), **self._survey.contents.certificates}.items():
            name = file.removesuffix(".pem")
            request = requests.get(name.removeprefix(f"{PREVIOUS}/"))
            with suppress(AuthorityError):
                yield Issue(name, read_certificates(pem, Path(file))[0], request.profile if request else "")


def _changes(found: Survey, made: dict[str, Made]) -> Iterator[Change]:
    if NEXT_CA in made:
        file = found.store.path(certificate_file(NEXT_CA))
        yield Change(NEXT_CA, State.MISSING, "the next CA, which no host trusts yet", file)
    for status in found.statuses:
        if status.name in made:
            state = State.ASKED if status.state is State.OK else status.state
            yield Change(status.name, state, status.reason or "asked for", status.file)
        elif found.contents.unfinished.intersection(files_of(status.name)):
            reason = "an interrupted run made it; it is put in its place"
            yield Change(status.name, State.UNFINISHED, reason, status.file)
