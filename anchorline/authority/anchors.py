"""What hosts are made to trust, and the chain between that and a leaf."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from anchorline.authority.certificates import fingerprint, name_of, to_pem
from anchorline.errors import AuthorityError
from anchorline.problem import Place


@dataclass(frozen=True)
class Anchor:
    """One CA certificate as a file for hosts.

    ``name`` carries the site and the content, so that generations and sites stand side by side; ``pem`` is one block,
    LF, 64 columns; ``sha256`` is of the DER form, in hexadecimal.
    """

    name: str
    pem: str
    sha256: str
    subject: str
    not_after: datetime

    @classmethod
    def of(cls, site: str, certificate: x509.Certificate) -> Anchor:
        """The anchor that makes hosts of ``site`` trust ``certificate``."""
        sha256 = fingerprint(certificate)
        return cls(
            f"anchorline-{site}-{sha256[:12]}.crt",
            to_pem(certificate).decode(),
            sha256,
            name_of(certificate),
            certificate.not_valid_after_utc,
        )


@dataclass(frozen=True)
class Chain:
    """A CA from the certificate that issues up to the root that hosts trust; both are one where a root issues."""

    issuer: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]
    root: x509.Certificate

    @property
    def above(self) -> tuple[x509.Certificate, ...]:
        """What stands above the issuer."""
        every = (*self.intermediates, self.root)
        return tuple(certificate for certificate in every if certificate != self.issuer)


def read_certificates(pem: bytes, file: Path) -> tuple[x509.Certificate, ...]:
    """Read one or more certificates from PEM. Raises AuthorityError, naming ``file``."""
    if not pem.strip():
        raise AuthorityError("the file is empty", "restore it from a backup", Place(file))
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        fix = f"it looks like DER: openssl x509 -inform der -in {file} -out {file.with_suffix('.pem')}"
        raise AuthorityError("no certificate in PEM", fix if pem[0] == 0x30 else "", Place(file))
    try:
        certificates = tuple(x509.load_pem_x509_certificates(pem))
        for certificate in certificates:
            _ = certificate.extensions, certificate.public_key(), certificate.subject  # parsed on first use
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise AuthorityError(
            f"a certificate in it can't be read ({error})", "restore it from a backup", Place(file)
        ) from None
    if len(certificates) != pem.count(b"-----BEGIN CERTIFICATE-----"):
        raise AuthorityError("the file ends before its last certificate does", "restore it from a backup", Place(file))
    return certificates


def read_chain(pem: bytes, file: Path) -> Chain:
    """Read a CA: the certificate that issues and what is above it, in any order, up to a self-signed root.

    A root must be there: hosts trust chains that end in one; some clients alone take an intermediate in its place.
    """
    issuer, *rest = _lowest_first(read_certificates(pem, file), file)
    require_ca(issuer, file)
    chain = [issuer]
    while not issued(chain[-1], chain[-1]):
        above = next((each for each in rest if each not in chain and issued(chain[-1], each)), None)
        if above is None:
            raise AuthorityError(
                f"{name_of(chain[-1])} is issued by {chain[-1].issuer.rfc4514_string()}, which isn't here",
                "add it to the file, and what is above it up to the root",
                Place(file),
            )
        require_ca(above, file)
        chain.append(above)
    for ca in overlong(chain):
        raise AuthorityError(
            f"more CAs stand below {name_of(ca)} than its pathlen permits: no client would take what they issue",
            "have its owner allow them, or issue by the CA right below it",
            Place(file),
        )
    return Chain(issuer, tuple(chain[:-1]), chain[-1])


def _lowest_first(certificates: tuple[x509.Certificate, ...], file: Path) -> tuple[x509.Certificate, ...]:
    """The one that issued no other in the file in front, which is the one that issues for us."""
    every = tuple(dict.fromkeys(certificates))
    lowest = [each for each in every if not any(issued(other, each) for other in every if other != each)]
    if len(lowest) > 1:
        raise AuthorityError(
            f"{' and '.join(map(name_of, lowest))} don't belong to one chain",
            "leave the CA that issues, and what is above it",
            Place(file),
        )
    return tuple(dict.fromkeys((*lowest, *every)))


def overlong(chain: Sequence[x509.Certificate]) -> Iterator[x509.Certificate]:
    """The CAs with more CAs below them than their pathlen permits, in a chain of CAs with the lowest first
    (RFC 5280 4.2.1.9, where one that is issued by its own name doesn't count)."""
    for index, certificate in enumerate(chain):
        below = sum(each.subject != each.issuer for each in chain[:index])
        limit = basic_constraints(certificate).path_length
        if limit is not None and below > limit:
            yield certificate


def basic_constraints(certificate: x509.Certificate) -> x509.BasicConstraints:
    """What it says of itself as a CA; where it says nothing, that it is none (RFC 5280 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return x509.BasicConstraints(ca=False, path_length=None)


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether this is a CA that may sign certificates (RFC 5280 4.2.1.9, 4.2.1.3)."""
    usages = [e.value for e in certificate.extensions if isinstance(e.value, x509.KeyUsage)]
    return basic_constraints(certificate).ca and all(usage.key_cert_sign for usage in usages)


def require_ca(certificate: x509.Certificate, file: Path) -> None:
    """Raise AuthorityError unless this is a CA that may sign certificates."""
    if not is_ca(certificate):
        raise AuthorityError(f"{name_of(certificate)} is not a CA certificate", where=Place(file))


def require_current(certificate: x509.Certificate, file: Path, now: datetime, fix: str) -> None:
    """Raise AuthorityError where a CA has ended: it vouches for nothing any more."""
    if now > certificate.not_valid_after_utc:
        ended = certificate.not_valid_after_utc
        raise AuthorityError(f"the CA {name_of(certificate)} ended on {ended:%Y-%m-%d}", fix, Place(file))


def anchors(site: str, certificates: Iterable[x509.Certificate]) -> tuple[Anchor, ...]:
    """One anchor for each certificate, without doubles."""
    return tuple(dict.fromkeys(Anchor.of(site, certificate) for certificate in certificates))


def leads_to(chain: Sequence[x509.Certificate], root: x509.Certificate) -> bool:
    """Whether a chain as a server sends it, the leaf first and the others in any order, ends at ``root``."""
    current, others = chain[0], list(chain[1:])
    while current != root and not issued(current, root):
        above = next((each for each in others if issued(current, each)), None)
        if above is None:
            return False
        others.remove(above)
        current = above
    return True


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether ``issuer`` signed this certificate: by its name and by its key."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
