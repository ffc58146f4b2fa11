"""What is issued, judged by others: parsed again, openssl, pkilint, a TLS handshake."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from anchorline.authority import stage
from anchorline.authority.certificates import Issuer, make_authority, signing_hash, to_pem
from anchorline.authority.keys import PrivateKey, fit, generate
from anchorline.authority.profile import desired_authority, wanted
from anchorline.errors import AuthorityError
from anchorline.spec.model import DeclaredAuthority, Spec

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
KEYS = {
    "rsa": {"algo": "rsa", "size": 2048},
    "p256": {"algo": "ecdsa", "size": 256},
    "p384": {"algo": "ecdsa", "size": 384},
    "p521": {"algo": "ecdsa", "size": 521},
    "ed25519": {"algo": "ed25519"},
}
CHAINS = [
    ("rsa", "rsa"),
    ("rsa", "p256"),
    ("p256", "rsa"),
    ("p256", "p256"),
    ("p384", "p384"),
    ("p521", "p521"),
    ("p521", "p256"),
    ("ed25519", "ed25519"),
]
USAGES = ["signing", "key encipherment", "server auth"]


def declare(ca: str = "p256", leaf: str = "p256", authority: Any = None, usages: Any = USAGES, **request: Any) -> Spec:
    """A site with one certificate, ``server``."""
    constraints = {"dns": ["example.com"], "ip": ["192.0.2.0/24", "2001:db8::/32", "127.0.0.1"]}
    defaults = {
        "CN": "Fleet CA",
        "key": KEYS[ca],
        "names": [{"C": "CN", "O": "Fleet"}],
        "name_constraints": constraints,
    }
    asked = {
        "profile": "server",
        "CN": "registry.example.com",
        "hosts": ["registry.example.com", "example.com", "192.0.2.10", "2001:db8::1", "127.0.0.1"],
        "key": KEYS[leaf],
    }
    return Spec.model_validate(
        {
            "version": 1,
            "site": "test",
            "authority": defaults | (authority or {}),
            "signing": {"profiles": {"server": {"expiry": "90d", "usages": usages}}},
            "certificates": {"server": asked | request},
        }
    )


def certify(spec: Spec, now: datetime = NOW) -> Issuer:
    assert isinstance(spec.authority, DeclaredAuthority)
    asked = desired_authority(spec.authority)
    key = generate(asked.key)
    return Issuer(make_authority(asked, key, now), key)


def issue(spec: Spec, now: datetime = NOW, issuer: Issuer | None = None) -> tuple[Issuer, x509.Certificate, PrivateKey]:
    issuer = issuer or certify(spec, now)
    asked = wanted(spec, "server")
    key = generate(asked.key)
    return issuer, issuer.issue(asked, key.public_key(), now), key


def extensions(certificate: x509.Certificate) -> dict[type, tuple[Any, bool]]:
    return {type(each.value): (each.value, each.critical) for each in certificate.extensions}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", params=CHAINS, ids="-".join)
def issued(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site's folder as a first run leaves it, for each kind of CA and leaf."""
    ca, leaf = request.param
    folder = tmp_path_factory.mktemp("site")
    spec = declare(ca, leaf).model_copy(update={"file": folder / "anchorline.yml"})
    stage(spec).commit()
    return spec.pki


def test_openssl_accepts_the_chain_strictly(issued: Path) -> None:
    verify = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(issued / "ca.pem")]
    for name in (
        "-verify_hostname registry.example.com",
        "-verify_hostname example.com",
        "-verify_ip 192.0.2.10",
    ):
        result = run(*verify, *name.split(), issued / "server.pem")
        assert result.returncode == 0, result.stderr


def test_openssl_refuses_what_was_not_asked_for(issued: Path) -> None:
    verify = ["openssl", "verify", "-x509_strict", "-CAfile", str(issued / "ca.pem")]
    for options in ("-verify_hostname example.org", "-verify_ip 192.0.2.11", "-purpose sslclient", "-purpose crlsign"):
        assert run(*verify, *options.split(), issued / "server.pem").returncode != 0


def test_pkilint_finds_nothing(issued: Path) -> None:
    tools = Path(sys.executable).parent
    for file in ("ca.pem", "server.pem"):
        result = run(tools / "lint_pkix_cert", "lint", "-s", "WARNING", issued / file)
        assert (result.returncode, result.stdout.strip()) == (0, ""), result
    pair = (issued / "ca.pem", issued / "server.pem")
    result = run(tools / "lint_pkix_signer_signee_cert_chain", "lint", "-s", "WARNING", *pair)
    assert (result.returncode, result.stdout.strip()) == (0, ""), result


def test_the_request_is_signed_by_the_leaf_key_and_carries_the_names(issued: Path) -> None:
    for name in ("server", "ca"):
        assert run("openssl", "req", "-in", issued / f"{name}.csr", "-verify", "-noout").returncode == 0
    request = x509.load_pem_x509_csr((issued / "server.csr").read_bytes())
    certificate = x509.load_pem_x509_certificate((issued / "server.pem").read_bytes())
    for asked in (request, certificate):
        names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert "registry.example.com" in names.value.get_values_for_type(x509.DNSName)
    assert request.subject == certificate.subject


def test_the_der_file_is_the_ca(issued: Path) -> None:
    der = run("openssl", "x509", "-in", issued / "ca.pem", "-outform", "der", "-out", issued.parent / "ca.der")
    assert der.returncode == 0
    assert (issued.parent / "ca.der").read_bytes() == (issued / "ca.crt").read_bytes()


def test_a_strict_python_client_shakes_hands(issued: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(issued / "server.pem", issued / "server-key.pem")
    for name, good in (("registry.example.com", True), ("127.0.0.1", True), ("example.org", False)):
        client = ssl.create_default_context(cafile=str(issued / "ca.pem"))
        client.verify_flags |= ssl.VERIFY_X509_STRICT
        if good:
            assert _handshake(server, client, name) is None
        else:
            assert isinstance(_handshake(server, client, name), ssl.SSLCertVerificationError)


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> Exception | None:
    """Over real sockets on loopback; gives what the client objects to."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):  # the client hung up, and says why
            server.wrap_socket(connection, server_side=True).close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with socket.create_connection(listener.getsockname()) as connection:
            client.wrap_socket(connection, server_hostname=name).close()
    except ssl.SSLError as error:
        return error
    else:
        return None
    finally:
        thread.join()
        listener.close()


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


def test_a_profile_without_usages_and_a_request_for_nobody_are_refused() -> None:
    with pytest.raises(AuthorityError, match="no usages"):
        wanted(declare(usages=[]), "server")
    with pytest.raises(AuthorityError, match="neither hosts nor a CN"):
        wanted(declare(CN=None, hosts=[]), "server")


def test_no_name_constraints_unless_declared() -> None:
    empty: list[Any] = [None, {}, {"dns": [], "ip": []}]
    for none in empty:
        assert x509.NameConstraints not in extensions(
            certify(declare(authority={"name_constraints": none})).certificate
        )


def test_a_leaf_lies_within_the_life_of_its_ca() -> None:
    spec = declare(authority={"ca": {"expiry": "100d"}})
    issuer = certify(spec)
    young = issue(spec, NOW, issuer)[1]
    assert young.not_valid_before_utc == issuer.certificate.not_valid_before_utc
    old = issue(spec, NOW + timedelta(days=60), issuer)[1]
    assert old.not_valid_after_utc == issuer.certificate.not_valid_after_utc
    soon = issue(spec, NOW + timedelta(minutes=30), issuer)[1]
    assert soon.not_valid_before_utc == NOW.replace(microsecond=0) - timedelta(minutes=30)


def test_a_ca_issues_neither_after_its_end_nor_before_its_beginning() -> None:
    spec = declare()
    issuer = certify(spec)
    with pytest.raises(AuthorityError, match="ended on 2036"):
        issue(spec, NOW + timedelta(days=3651), issuer)
    with pytest.raises(AuthorityError, match="clock"):
        issue(spec, NOW - timedelta(days=1), issuer)


def test_a_short_life_is_not_spent_by_the_backdate() -> None:
    spec = declare()
    short = spec.signing.profiles["server"].model_copy(update={"expiry": timedelta(minutes=30)})
    spec.signing.profiles["server"] = short
    certificate = issue(spec)[1]
    assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc - timedelta(minutes=20)


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"hosts": ["registry.example.org"]}, "registry.example.org"),
        ({"hosts": ["notexample.com"]}, "notexample.com"),
        ({"hosts": ["registry.example.com", "198.51.100.1"]}, "198.51.100.1"),
        ({"hosts": ["2001:db9::1"]}, "2001:db9::1"),
        ({"CN": "registry.example.org"}, "registry.example.org"),
        ({"CN": "192.0.2.10", "hosts": ["192.0.2.10"]}, "192.0.2.10"),
    ],
)
def test_a_name_outside_the_constraints_is_refused_before_signing(request_: dict[str, Any], named: str) -> None:
    with pytest.raises(AuthorityError, match=f"may not vouch for {named}"):
        issue(declare(**request_))


@pytest.mark.parametrize(
    "request_",
    [
        {"CN": "Example Registry", "hosts": ["example.com"]},
        {"CN": "192.0.2.10", "hosts": ["registry.example.com", "192.0.2.10"]},
        {"CN": "registry", "hosts": ["*.deep.example.com"]},
    ],
)
def test_a_name_within_the_constraints_is_signed(request_: dict[str, Any]) -> None:
    assert issue(declare(**request_))


def test_excluded_names_of_a_foreign_ca_are_heeded() -> None:
    issuer = certify(declare(authority={"name_constraints": None}))
    excluded = x509.NameConstraints(
        None, [x509.DNSName("secret.example.com"), x509.IPAddress(ip_network("192.0.2.0/24"))]
    )
    foreign = _sign_ca(issuer, excluded)
    for hosts in (["a.secret.example.com"], ["*.example.com"], ["192.0.2.1"]):
        with pytest.raises(AuthorityError, match="exclude"):
            issue(declare(CN=None, hosts=hosts), NOW, foreign)
    assert issue(declare(CN=None, hosts=["open.example.com", "198.51.100.1"]), NOW, foreign)


def _sign_ca(issuer: Issuer, constraints: x509.NameConstraints) -> Issuer:
    subject = issuer.certificate.subject
    builder = x509.CertificateBuilder(subject, subject, issuer.key.public_key(), 7, NOW - HOUR, NOW + 9 * HOUR)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(constraints, critical=True)
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    return Issuer(builder.sign(issuer.key, hashes.SHA256()), issuer.key)


def test_openssl_rejects_what_our_own_check_would_have_refused(issued: Path, tmp_path: Path) -> None:
    """The negative control: signed by hand with the same CA key."""
    ca = x509.load_pem_x509_certificate((issued / "ca.pem").read_bytes())
    key: Any = load_pem_private_key((issued / "ca-key.pem").read_bytes(), None)
    unchecked = Issuer(ca, key)
    object.__setattr__(unchecked.constraints, "each", ())
    for hosts in (["registry.example.org"], ["198.51.100.1"]):
        asked = wanted(declare(CN="x", hosts=hosts), "server")
        leaf = unchecked.issue(asked, ec.generate_private_key(ec.SECP256R1()).public_key(), datetime.now(UTC))
        (tmp_path / "leaf.pem").write_bytes(to_pem(leaf))
        result = run("openssl", "verify", "-x509_strict", "-CAfile", issued / "ca.pem", tmp_path / "leaf.pem")
        assert result.returncode != 0
        assert "permitted subtree violation" in result.stderr


def test_an_authority_key_identifier_is_the_issuers_own() -> None:
    """An issuer whose identifier isn't the hash of its key, as other tools make them."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Other CA")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, NOW - HOUR, NOW + 9 * HOUR)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier(b"chosen"), critical=False)
    leaf = issue(declare(), NOW, Issuer(builder.sign(key, None), key))[1]
    found = leaf.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_KEY_IDENTIFIER).value
    assert isinstance(found, x509.AuthorityKeyIdentifier)
    assert found.key_identifier == b"chosen"


def test_no_key_shows_in_a_repr() -> None:
    assert "Key" not in repr(certify(declare())).replace("SubjectKeyIdentifier", "")
