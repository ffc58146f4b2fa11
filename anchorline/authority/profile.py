"""What a certificate shall hold: the spec's words as X.509 fields. The profile is the table in docs/pki.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from anchorline.errors import AuthorityError
from anchorline.spec.model import CertificateRequest, DeclaredAuthority, Key, NameConstraints, Spec, SubjectName
from anchorline.spec.values import Name

_SUBJECT = (
    ("C", NameOID.COUNTRY_NAME),
    ("ST", NameOID.STATE_OR_PROVINCE_NAME),
    ("L", NameOID.LOCALITY_NAME),
    ("O", NameOID.ORGANIZATION_NAME),
    ("OU", NameOID.ORGANIZATIONAL_UNIT_NAME),
)

# RFC 5280 4.2.1.3; cfssl's name, the library's
_KEY_USAGES = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "key agreement": "key_agreement",
    "data encipherment": "data_encipherment",
}
# what a leaf's key can do at all: RFC 3279 2.3.1 (RSA), RFC 8813 3 (EC), RFC 8410 5 (Ed25519)
_ABLE = {
    "rsa": {"digital_signature", "content_commitment", "key_encipherment", "data_encipherment"},
    "ecdsa": {"digital_signature", "content_commitment", "key_agreement"},
    "ed25519": {"digital_signature", "content_commitment"},
}
# RFC 5280 4.2.1.12
_EXTENDED = {
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "s/mime": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
}


@dataclass(frozen=True)
class DesiredCertificate:
    """A leaf as the spec declares it, whatever its key and its dates will be. None: an extension that isn't there."""

    subject: x509.Name
    names: x509.SubjectAlternativeName | None
    usage: x509.KeyUsage
    extended: x509.ExtendedKeyUsage | None
    key: Key
    expiry: timedelta


@dataclass(frozen=True)
class DesiredAuthority:
    """A CA as the spec declares it. ``pathlen`` is no demand of the spec's unless ``pathlen_given``."""

    subject: x509.Name
    key: Key
    pathlen: int | None
    constraints: x509.NameConstraints | None
    expiry: timedelta
    pathlen_given: bool = True


def wanted(spec: Spec, name: str) -> DesiredCertificate:
    """The certificate ``name`` of the spec. Raises AuthorityError for one that no client could use."""
    request = spec.certificates[name]
    assert isinstance(request, CertificateRequest)  # noqa: S101 (asked only for what we issue)
    usages = spec.signing.profile(request.profile).usages
    if not usages:
        raise AuthorityError(
            f"certificates.{name}: the profile {request.profile!r} has no usages",
            "give it some, such as [signing, key encipherment, server auth]",
        )
    if not request.hosts and not request.CN:
        raise AuthorityError(f"certificates.{name}: neither hosts nor a CN", "name who it is for")
    return DesiredCertificate(
        subject(request.names, request.CN),
        alternative_names(request.hosts),
        key_usage(usages, request.key),
        extended_key_usage(usages),
        request.key,
        spec.expiry(request),
    )


def generation(declared: DeclaredAuthority, certificate: x509.Certificate) -> int:
    """Which of the spec's CAs this is: 1, or what stands behind its name (``Fleet CA G2``). 0: its name is another."""
    names = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    found = re.fullmatch(rf"{re.escape(declared.CN)}(?: G([0-9]{{1,4}}))?", names[0] if names else "")
    return int(found[1] or 1) if found else 0


def desired_authority(declared: DeclaredAuthority, generation: int = 1) -> DesiredAuthority:
    """The CA of the spec. Each generation has a name of its own: two of one name would be mixed up by OpenSSL, which
    looks for an issuer by its name. Raises AuthorityError where that gets too long (RFC 5280 A.1: 64 characters)."""
    name = f"{declared.CN} G{generation}" if generation > 1 else declared.CN
    if len(name) > 64:
        raise AuthorityError(f"authority.CN: {name!r} has more than 64 characters", "shorten the CN")
    return DesiredAuthority(
        subject(declared.names, name),
        declared.key,
        declared.ca.pathlen,
        name_constraints(declared.name_constraints),
        declared.ca.expiry,
        pathlen_given="pathlen" in declared.ca.model_fields_set,
    )


def subject(names: Sequence[SubjectName], common_name: str | None) -> x509.Name:
    """One subject from all entries of ``names``, as cfssl flattens them, ordered C, ST, L, O, OU, CN."""
    parts = [(oid, getattr(each, part)) for part, oid in _SUBJECT for each in names]
    return x509.Name(
        x509.NameAttribute(oid, value) for oid, value in (*parts, (NameOID.COMMON_NAME, common_name)) if value
    )


def alternative_names(hosts: Iterable[Name]) -> x509.SubjectAlternativeName | None:
    """Subject alternative names without doubles, addresses before DNS names (cfssl's order)."""
    unique = dict.fromkeys(hosts)
    addresses = [x509.IPAddress(host) for host in unique if isinstance(host, IPv4Address | IPv6Address)]
    names = [*addresses, *(x509.DNSName(host) for host in unique if isinstance(host, str))]
    return x509.SubjectAlternativeName(names) if names else None


def key_usage(usages: Iterable[str], key: Key) -> x509.KeyUsage:
    """The key usages among ``usages`` that such a key can serve. ``key encipherment`` is RSA's alone; an EC key that
    was given nothing else signs, which is all that TLS asks of it."""
    bits = {_KEY_USAGES[usage] for usage in usages if usage in _KEY_USAGES} & _ABLE[key.algo]
    return _key_usage(*(bits or {"digital_signature"}))


def authority_key_usage() -> x509.KeyUsage:
    """A CA signs certificates and revocation lists, and nothing else."""
    return _key_usage("key_cert_sign", "crl_sign")


def _key_usage(*bits: str) -> x509.KeyUsage:
    every = (*dict.fromkeys(_KEY_USAGES.values()), "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{bit: bit in bits for bit in every})


def extended_key_usage(usages: Iterable[str]) -> x509.ExtendedKeyUsage | None:
    """The extended key usages among ``usages``, or None where there are none."""
    purposes = dict.fromkeys(_EXTENDED[usage] for usage in usages if usage in _EXTENDED)
    return x509.ExtendedKeyUsage(purposes) if purposes else None


def name_constraints(constraints: NameConstraints | None) -> x509.NameConstraints | None:
    """Permitted names only: ``example.com`` without a leading dot, which covers what is below it as well.

    Exclusions aren't made: clients read them differently, Java rejects valid names because of them.
    """
    if constraints is None or not (constraints.dns or constraints.ip):
        return None
    permitted = [*map(x509.DNSName, constraints.dns), *map(x509.IPAddress, constraints.ip)]
    return x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None)
