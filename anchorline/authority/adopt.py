"""A folder of cfssl, easy-rsa or openssl, taken over: its CA and what the spec declares, found by content, not by name.

A key belongs to the certificate that has its public key (SubjectPublicKeyInfo); a leaf to the CA that signed it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from anchorline.authority import certificates, disk, keys, profile
from anchorline.authority.anchors import basic_constraints, is_ca, issued, read_certificates
from anchorline.authority.certificates import fingerprint, name_of, to_pem
from anchorline.authority.external import hosts_of
from anchorline.authority.issued import Issue, lines
from anchorline.authority.keys import PrivateKey
from anchorline.authority.layout import CA, JOURNAL, certificate_file, der_file, files_of, key_file, request_file
from anchorline.authority.passphrase import Passphrase
from anchorline.authority.plan import authority_differences, judge_life
from anchorline.authority.read import names_of
from anchorline.authority.store import Store
from anchorline.errors import AuthorityError, PassphraseError
from anchorline.problem import Place, Problem
from anchorline.spec.model import CertificateRequest, DeclaredAuthority, Spec
from anchorline.spec.names import covers

MOST_FILES = 2000
"""More than that, and it is hardly the folder of a CA."""

# what base64 and the headers of old key files hold, up to the end that fits
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----(?:[^-]|-(?!----))*-----END \1-----")


@dataclass(frozen=True)
class FoundFiles:
    """What a folder holds: certificates with the files that they are in, keys by their public key, and why a part of
    it couldn't be read."""

    certificates: Mapping[x509.Certificate, tuple[Path, ...]]
    keys: Mapping[bytes, tuple[PrivateKey, Path]] = field(repr=False)
    unread: tuple[AuthorityError, ...]

    def key_of(self, certificate: x509.Certificate) -> tuple[PrivateKey, Path] | None:
        """The key that belongs to a certificate, and its file."""
        return self.keys.get(keys.public_bytes(certificate.public_key()))


@dataclass(frozen=True)
class Taken:
    """The CA (``name`` is "ca") or a certificate, with its key, and the files where they were."""

    name: str
    certificate: x509.Certificate
    file: Path
    key: PrivateKey = field(repr=False)
    key_file: Path


@dataclass(frozen=True)
class Adopted:
    """What was taken over, the CA first, and what was passed over because it couldn't be read."""

    taken: tuple[Taken, ...]
    unread: tuple[AuthorityError, ...]


def adopt(spec: Spec, folder: Path, *, passphrase: str | None = None, now: datetime | None = None) -> Adopted:
    """Take over the CA in ``folder`` and those certificates of it that the spec declares, by one commit.

    The folder stays as it is. Raises AuthorityError where the site has a CA, where there isn't one CA with its key, or
    where the spec declares another one; PassphraseError where its key doesn't open; StoreError where the disk refuses.
    """
    now = now or datetime.now(UTC)
    if not isinstance(spec.authority, DeclaredAuthority):
        raise AuthorityError(
            f"{spec.site}: adopt fills pki/ for an `authority` that is declared with a CN", "declare it"
        )
    store, names = Store(spec.pki), names_of(spec)
    contents = store.contents(names)
    if there := [file for name in names for file in files_of(name) if contents.has(file)]:
        raise AuthorityError(
            f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} here already, and no CA is ever replaced by "
            "another",
            "adopt into another `site`, or move that folder away",
            Place(store.folder),
        )
    secret = Passphrase(passphrase)
    found = scan(folder, secret)
    ca = _the_ca(found, folder)
    _require_fitting(spec.authority, ca, now)
    leaves = (_leaf(name, request, ca, found, now) for name, request in spec.requests.items())
    taken = (ca, *(leaf for leaf in leaves if leaf))
    files = dict(_files(spec, spec.authority, taken, secret))
    files[JOURNAL] = _lines(spec, taken, store.read_text(JOURNAL), now).encode()
    store.commit(files, contents, names)
    return Adopted(taken, found.unread)


def scan(folder: Path, passphrase: Passphrase) -> FoundFiles:
    """Read every certificate and key in PEM below a folder. Raises AuthorityError where it is too large to be a CA's,
    StoreError where it can't be listed."""
    found: dict[x509.Certificate, tuple[Path, ...]] = {}
    private: dict[bytes, tuple[PrivateKey, Path]] = {}
    unread: list[AuthorityError] = []
    for file in _regular(folder):
        try:
            content = disk.read(file)
        except AuthorityError as problem:
            unread.append(problem)
            continue
        for block in _BLOCK.finditer(content):
            try:
                if block[1] == b"CERTIFICATE":
                    (certificate,) = read_certificates(block[0], file)
                    found[certificate] = (*found.get(certificate, ()), file)
                elif block[1].endswith(b"PRIVATE KEY"):
                    key = passphrase.read(block[0], file)
                    private.setdefault(keys.public_bytes(key.public_key()), (key, file))
            except AuthorityError as problem:
                unread.append(problem)
    return FoundFiles(found, private, tuple(unread))


def _regular(folder: Path) -> list[Path]:
    """Its files in a fixed order, without those that are links or too large."""

    def refuse(error: OSError) -> None:
        raise error

    files: list[Path] = []
    with disk.refusals(folder):
        for here, folders, names in os.walk(folder, onerror=refuse):
            folders.sort()
            for path in (Path(here, name) for name in sorted(names)):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) and status.st_size <= disk.LARGEST:
                    files.append(path)
            if len(files) > MOST_FILES:
                raise AuthorityError(
                    f"more than {MOST_FILES:,} files", "point at the folder of the CA itself", Place(folder)
                )
    return files


def _the_ca(found: FoundFiles, folder: Path) -> Taken:
    """The one CA whose key is there."""
    cas = [each for each in found.certificates if is_ca(each)]
    pairs = [(each, pair) for each in cas if (pair := found.key_of(each))]
    if len(pairs) == 1:
        ((certificate, (key, file)),) = pairs
        return Taken(CA, certificate, found.certificates[certificate][0], key, file)
    if pairs:
        several = ", ".join(
            f"{name_of(each)} ({found.certificates[each][0]}, SHA-256 {fingerprint(each)[:12]})" for each, _ in pairs
        )
        raise AuthorityError(
            f"several CAs have their keys here: {several}", "copy the one into a folder alone", Place(folder)
        )
    unread = [each for error in found.unread for each in error.problems]
    if not cas:
        none = Problem("no CA certificate in PEM is here", "point at the folder that has it", Place(folder))
        raise AuthorityError.of((none, *unread))
    without = ", ".join(f"{name_of(each)} ({found.certificates[each][0]})" for each in cas)
    locked = any(isinstance(problem, PassphraseError) for problem in found.unread)
    keyless = Problem(f"no key here is that of the CA {without}", where=Place(folder))
    raise (PassphraseError if locked else AuthorityError).of((keyless, *unread))


def _require_fitting(declared: DeclaredAuthority, ca: Taken, now: datetime) -> None:
    """Raise AuthorityError unless this is a root, which the spec describes and which has not ended."""
    if not issued(ca.certificate, ca.certificate):
        raise AuthorityError(
            f"{name_of(ca.certificate)} is no root, {ca.certificate.issuer.rfc4514_string()} issued it",
            "leave it where it is, and declare it: authority: {certificate: …, key: …}",
            Place(ca.file),
        )
    if problem := judge_life(CA, ca.certificate, ca.file, now).problem:
        raise problem
    generation = max(1, profile.generation(declared, ca.certificate))
    if differences := authority_differences(profile.desired_authority(declared, generation), ca.certificate):
        raise AuthorityError(
            f"the spec's authority section declares another CA: {'; '.join(differences)}",
            "write there what this CA has, without the line of what it has none of, and adopt again",
            Place(ca.file),
        )


def _leaf(name: str, request: CertificateRequest, ca: Taken, found: FoundFiles, now: datetime) -> Taken | None:
    """The newest certificate of the CA that is called ``name`` there, or else that covers what is declared."""
    fitting = []
    for certificate, files in found.certificates.items():
        pair = found.key_of(certificate)
        ended = now > certificate.not_valid_after_utc
        if pair is None or ended or basic_constraints(certificate).ca or not issued(certificate, ca.certificate):
            continue
        called = [file for file in files if file.stem == name]
        has = hosts_of(certificate)
        covering = request.hosts and all(any(covers(each, host) for each in has) for host in request.hosts)
        if called or covering:
            taken = Taken(name, certificate, (*called, *files)[0], *pair)
            fitting.append((bool(called), certificate.not_valid_before_utc, taken))
    return max(fitting, key=lambda each: each[:2])[2] if fitting else None


def _lines(spec: Spec, taken: tuple[Taken, ...], journal: str, now: datetime) -> str:
    """The journal's lines. Who issued them, and where, nobody knows."""
    profiles = {name: request.profile for name, request in spec.requests.items()}
    found = (Issue(each.name, each.certificate, profiles.get(each.name, ""), reason="adopted") for each in taken)
    return lines((), found, journal, spec.folder, now)


def _files(
    spec: Spec, declared: DeclaredAuthority, taken: tuple[Taken, ...], passphrase: Passphrase
) -> Iterator[tuple[str, bytes]]:
    for each in taken:
        certificate, subject = each.certificate, each.certificate.subject
        if each.name == CA:
            pathlen = basic_constraints(certificate).path_length
            wanted = replace(profile.desired_authority(declared), subject=subject, pathlen=pathlen)
            request = certificates.make_authority_request(wanted, each.key)
            yield der_file(CA), certificate.public_bytes(serialization.Encoding.DER)
        else:
            sans = (e.value for e in certificate.extensions if isinstance(e.value, x509.SubjectAlternativeName))
            own = replace(profile.wanted(spec, each.name), subject=subject, names=next(sans, None))
            request = certificates.make_request(own, each.key)
        yield key_file(each.name), keys.write(each.key, passphrase.get())
        yield certificate_file(each.name), to_pem(certificate)
        yield request_file(each.name), to_pem(request)
