"""What is issued, judged by others: parsed again, openssl, pkilint, a TLS handshake."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtensionOID, NameOID

from anchorline.authority import stage
from anchorline.authority.certificates import Issuer, to_pem
from anchorline.authority.profile import wanted
from anchorline.errors import AuthorityError
from tests.unit.issuing import CHAINS, HOUR, NOW, certify, declare, extensions, issue, run


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
