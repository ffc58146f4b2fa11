"""Every field of what is issued, parsed again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from anchorline.authority.certificates import signing_hash, to_pem
from anchorline.authority.keys import fit
from tests.unit.issuing import CHAINS, HOUR, KEYS, NOW, SECOND, certify, declare, extensions, issue, run


@pytest.mark.parametrize("kind", KEYS)
def test_every_field_of_a_ca(kind: str) -> None:
    certificate = certify(declare(kind)).certificate
    found = extensions(certificate)
    assert set(found) == {
        x509.BasicConstraints,
        x509.KeyUsage,
        x509.SubjectKeyIdentifier,
        x509.AuthorityKeyIdentifier,
        x509.NameConstraints,
    }
    assert found[x509.BasicConstraints] == (x509.BasicConstraints(ca=True, path_length=0), True)
    usage, critical = found[x509.KeyUsage]
    assert (bits(usage), critical) == ({"key_cert_sign", "crl_sign"}, True)
    identifier, critical = found[x509.SubjectKeyIdentifier]
    assert (identifier, critical) == (x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()), False)
    of_issuer, critical = found[x509.AuthorityKeyIdentifier]
    assert (of_issuer.key_identifier, of_issuer.authority_cert_issuer, critical) == (identifier.digest, None, False)
    constraints, critical = found[x509.NameConstraints]
    assert critical
    assert constraints.excluded_subtrees is None
    assert [base.value for base in constraints.permitted_subtrees] == [
        "example.com",
        ip_network("192.0.2.0/24"),
        ip_network("2001:db8::/32"),
        ip_network("127.0.0.1/32"),
    ]
    assert certificate.subject == certificate.issuer
    assert certificate.subject.rfc4514_string() == "CN=Fleet CA,O=Fleet,C=CN"
    assert certificate.not_valid_before_utc == NOW.replace(microsecond=0) - HOUR
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=3650) - SECOND
    assert certificate.serial_number.bit_length() > 64


@pytest.mark.parametrize(("ca", "leaf"), CHAINS)
def test_every_field_of_a_leaf(ca: str, leaf: str) -> None:
    issuer, certificate, key = issue(declare(ca, leaf))
    found = extensions(certificate)
    assert found[x509.BasicConstraints] == (x509.BasicConstraints(ca=False, path_length=None), True)
    usage, critical = found[x509.KeyUsage]
    assert critical
    assert bits(usage) == {"digital_signature"} | ({"key_encipherment"} if leaf == "rsa" else set())
    assert found[x509.ExtendedKeyUsage] == (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    names, critical = found[x509.SubjectAlternativeName]
    assert not critical
    assert [name.value for name in names] == [
        ip_address("192.0.2.10"),
        ip_address("2001:db8::1"),
        ip_address("127.0.0.1"),
        "registry.example.com",
        "example.com",
    ]
    of_issuer, critical = found[x509.AuthorityKeyIdentifier]
    assert of_issuer.key_identifier == extensions(issuer.certificate)[x509.SubjectKeyIdentifier][0].digest
    assert (of_issuer.authority_cert_issuer, of_issuer.authority_cert_serial_number, critical) == (None, None, False)
    assert found[x509.SubjectKeyIdentifier] == (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    assert len(found) == 6
    assert certificate.issuer == issuer.certificate.subject
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=90) - SECOND
    assert fit(key, certificate.public_key())


def bits(usage: x509.KeyUsage) -> set[str]:
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    return {bit for bit in (*every, "key_cert_sign", "crl_sign") if getattr(usage, bit)}


@pytest.mark.parametrize(
    ("kind", "hash_"),
    [
        ("p256", hashes.SHA256),
        ("p384", hashes.SHA384),
        ("p521", hashes.SHA512),
        ("rsa", hashes.SHA256),
        ("ed25519", None),
    ],
)
def test_the_signature_hash_follows_the_ca(kind: str, hash_: type | None) -> None:
    issuer, certificate, _ = issue(declare(kind))
    for signed in (issuer.certificate, certificate):
        assert (signed.signature_hash_algorithm and type(signed.signature_hash_algorithm)) == hash_


@pytest.mark.parametrize(("size", "hash_"), [(3072, hashes.SHA384), (4096, hashes.SHA512)])
def test_larger_rsa_keys_sign_with_longer_hashes(size: int, hash_: type) -> None:
    assert isinstance(signing_hash(rsa.generate_private_key(65537, size)), hash_)


def test_without_a_subject_the_names_are_critical(tmp_path: Path) -> None:
    issuer, certificate, _ = issue(declare(CN=None, hosts=["192.0.2.10"]))
    assert not certificate.subject.rdns
    assert extensions(certificate)[x509.SubjectAlternativeName][1]
    (tmp_path / "ca.pem").write_bytes(to_pem(issuer.certificate))
    (tmp_path / "leaf.pem").write_bytes(to_pem(certificate))
    at = ["-attime", str(int(NOW.timestamp()))]
    assert (
        run("openssl", "verify", "-x509_strict", *at, "-CAfile", tmp_path / "ca.pem", tmp_path / "leaf.pem").returncode
        == 0
    )


def test_a_wildcard_covers_one_label(tmp_path: Path) -> None:
    """Apart from the others: RFC 5280's name syntax, and so pkilint, doesn't know RFC 6125's wildcards."""
    issuer, certificate, _ = issue(declare(hosts=["*.example.com"]), datetime.now(UTC))
    (tmp_path / "ca.pem").write_bytes(to_pem(issuer.certificate))
    (tmp_path / "leaf.pem").write_bytes(to_pem(certificate))
    verify = ["openssl", "verify", "-x509_strict", "-CAfile", str(tmp_path / "ca.pem"), "-verify_hostname"]
    assert run(*verify, "a.example.com", tmp_path / "leaf.pem").returncode == 0
    assert run(*verify, "a.b.example.com", tmp_path / "leaf.pem").returncode != 0


def test_the_subject_is_flattened_in_order() -> None:
    names = [{"O": "Fleet", "C": "CN"}, {"L": "Wu Xi", "ST": "JS", "OU": "Operations"}]
    certificate = issue(declare(names=names))[1]
    assert [attribute.oid for attribute in certificate.subject] == [
        NameOID.COUNTRY_NAME,
        NameOID.STATE_OR_PROVINCE_NAME,
        NameOID.LOCALITY_NAME,
        NameOID.ORGANIZATION_NAME,
        NameOID.ORGANIZATIONAL_UNIT_NAME,
        NameOID.COMMON_NAME,
    ]


def test_cfssls_usages() -> None:
    usages = [
        "digital signature",
        "content commitment",
        "data encipherment",
        "client auth",
        "s/mime",
        "email protection",
    ]
    found = extensions(issue(declare(leaf="rsa", usages=usages))[1])
    assert bits(found[x509.KeyUsage][0]) == {"digital_signature", "content_commitment", "data_encipherment"}
    assert list(found[x509.ExtendedKeyUsage][0]) == [
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ]
    found = extensions(issue(declare(leaf="p256", usages=["key encipherment", "key agreement"]))[1])
    assert bits(found[x509.KeyUsage][0]) == {"key_agreement"}
    assert x509.ExtendedKeyUsage not in found


def test_an_ec_key_asked_to_encipher_alone_signs() -> None:
    found = extensions(issue(declare(leaf="ed25519", usages=["key encipherment", "server auth"]))[1])
    assert bits(found[x509.KeyUsage][0]) == {"digital_signature"}
