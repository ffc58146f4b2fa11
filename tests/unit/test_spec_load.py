"""Every error of a spec at once, each with its line, its key path, and words for people."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from anchorline.errors import SpecError
from anchorline.spec import Spec, check, load
from anchorline.spec.model import DeclaredAuthority, ExistingAuthority, Registry
from anchorline.spec.values import Endpoint

SpecFile = Callable[[str], Path]
ROOT = Path(__file__).parents[2]
HEAD = "version: 1\nsite: lab\n"

# one part of a spec, written from line 3 on: where it is wrong, and some of the words
WRONG: list[tuple[str, int, str, str]] = [
    ("sit: x", 3, "sit", "unknown key; did you mean `site`?"),
    ("zzz: x", 3, "zzz", "unknown key; known here: authority, certificates,"),
    ("folder: /x", 3, "folder", "unknown key"),
    ("authority: []", 3, "authority", "a list isn't a mapping"),
    ("authority: {}", 3, "authority", "`CN` is missing"),
    ("authority: {CN: x, cn: x}", 3, "authority.cn", "did you mean `CN`?"),
    ("authority: {CN: ''}", 3, "authority.CN", "is empty"),
    (f"authority: {{CN: {'x' * 65}}}", 3, "authority.CN", "longer than 64 letters"),
    ("authority: {CN: [x]}", 3, "authority.CN", "is a list where one value is expected"),
    ("authority: {CN: x, key: {algo: rsa, size: 1024}}", 3, "authority.key", "from 2048 to 8192, not 1024"),
    ("authority: {CN: x, key: {algo: ecdsa, size: 255}}", 3, "authority.key", "256, 384 or 521, not 255"),
    ("authority: {CN: x, key: {algo: ed25519, size: 8}}", 3, "authority.key", "no size"),
    ("authority: {CN: x, key: {algo: dsa}}", 3, "authority.key.algo", "did you mean `ecdsa`?"),
    ("authority: {CN: x, key: {size: 0x100}}", 3, "authority.key.size", "isn't a whole number"),
    ("authority:\n  CN: x\n  names:\n    - {C: cn}", 6, "authority.names[0].C", "two capital letters"),
    ("authority: {CN: x, names: [{E: a@b}]}", 3, "authority.names[0].E", "is cfssl's, but anchorline doesn't know"),
    ("authority: {CN: x, ca: {expiry: 43800}}", 3, "authority.ca.expiry", "is no duration; write it like 8760h"),
    ("authority: {CN: x, ca: {expiry: 0.2s}}", 3, "authority.ca.expiry", "not between 1s and 100y"),
    (f"authority: {{CN: x, ca: {{expiry: {'9' * 400}h}}}}", 3, "authority.ca.expiry", "not between 1s and 100y"),
    ("authority: {CN: x, ca: {pathlen: -1}}", 3, "authority.ca.pathlen", "0 is the least"),
    ("authority: {CN: x, name_constraints: {dns: [.a.b]}}", 3, "authority.name_constraints.dns[0]", "no DNS name"),
    (
        "authority: {CN: x, name_constraints: {ip: [192.0.2.1/24]}}",
        3,
        "authority.name_constraints.ip[0]",
        "192.0.2.0/24",
    ),
    ("authority: {certificate: a.pem, CN: x}", 3, "authority.CN", "known here: certificate, issue, key"),
    ("authority: {certificate: ''}", 3, "authority.certificate", "is no path"),
    ("authority: {certificate: a.pem, key: {algo: rsa}}", 3, "authority.key", "is a mapping where one value"),
    (
        "signing: {profiles: {a: {usages: [servr auth]}}}",
        3,
        "signing.profiles.a.usages[0]",
        "did you mean `server auth`?",
    ),
    ("signing: {profiles: {a: {usages: [any]}}}", 3, "signing.profiles.a.usages[0]", "isn't known here"),
    ("signing: {profiles: {a: {ca_constraint: {}}}}", 3, "signing.profiles.a.ca_constraint", "intermediate CAs"),
    ("signing: {profiles: {default: {}}}", 3, "signing.profiles", "stands beside"),
    ("signing: {auth_keys: {}}", 3, "signing.auth_keys", "remote signing"),
    ("certificates: {a: {crs: x}}", 3, "certificates.a.crs", "did you mean `csr`?"),
    ("certificates: [a]", 3, "certificates", "a list isn't a mapping"),
    ("certificates: {a: x}", 3, "certificates.a", "'x' isn't a mapping"),
    (
        "certificates:\n  a:\n    hosts:\n      - a@b.c",
        6,
        "certificates.a.hosts[0]",
        "neither a DNS name nor an IP address",
    ),
    ("certificates: {a: {hosts: ['https://a.b']}}", 3, "certificates.a.hosts[0]", "neither a DNS name nor"),
    ("certificates: {a: {hosts: [fe80::1%eth0]}}", 3, "certificates.a.hosts[0]", "neither a DNS name nor"),
    ("certificates: {a: {hosts: ['*.*.a.b']}}", 3, "certificates.a.hosts[0]", "neither a DNS name nor"),
    ("certificates: {a: {hosts: ['\N{KELVIN SIGN}.example']}}", 3, "certificates.a.hosts[0]", "neither a DNS name nor"),
    ("certificates: {a: {hosts: a.b}}", 3, "certificates.a.hosts", "isn't a list"),
    ("registry: {address: 'a.b:'}", 3, "registry.address", "ends without a port"),
    ("registry: {address: 'a.b:0'}", 3, "registry.address", "is no port; a number from 1 to 65535"),
    ("registry: {address: '*.a.b'}", 3, "registry.address", "a wildcard can't be typed"),
    ("registry: {address: '[a.b]:443'}", 3, "registry.address", "brackets are for an IPv6 address"),
    ("registry: {image: Registry}", 3, "registry.image", "an image is written NAME:TAG"),
    ("registry: {data: /}", 3, "registry.data", "is no path of a folder"),
    ("registry: {data: /a/../b}", 3, "registry.data", "without '..'"),
    ("registry: {data: '/a/b c'}", 3, "registry.data", "letters, digits and"),
    ("registry: {name: -x}", 3, "registry.name", "letters, digits and"),
    ("registry: {archive: ~/x.tar}", 3, "registry.archive", "'~' isn't expanded"),
    ("registry: {runtime: podman}", 3, "registry.runtime", "isn't known here"),
    (
        "registry: {listen: 'a.b:444'}",
        3,
        "registry.listen",
        "a name is no address to listen on; write it like 0.0.0.0:444",
    ),
    ("registry: {listen: localhost}", 3, "registry.listen", "write it like 127.0.0.1"),
    ("registry: {hosts_entry: a.b}", 3, "registry.hosts_entry", "is no IP address"),
    ("trust: {stores: system}", 3, "trust.stores", "write [ONE, ANOTHER]"),
    ("trust: {stores: [dokcer]}", 3, "trust.stores[0]", "did you mean `docker`?"),
    ("verify: {push: true}", 3, "verify.push", "isn't known here; known here: all, none, one"),
    ("limits: {failed: 30}", 3, "limits.failed", "is no percentage; write it like 30%"),
    ("limits: {failed: 101%}", 3, "limits.failed", "is no percentage"),
    ("limits: {failed: ²%}", 3, "limits.failed", "is no percentage"),
]


@pytest.mark.parametrize(("part", "line", "key", "words"), WRONG)
def test_a_wrong_part_is_one_problem_in_its_place(
    part: str, line: int, key: str, words: str, spec_file: SpecFile
) -> None:
    path = spec_file(f"{HEAD}{part}\n")
    with pytest.raises(SpecError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert (problem.place.file, problem.place.line, problem.place.key) == (path, line, key)
    assert words in str(problem)
    assert not {"type=", "input_value", "pydantic", "http", "Tag"} & set(str(problem).split())


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("site: x", "", "`version` is missing"),
        ("version: 1", "", "`site` is missing"),
        ("version: 2\nsite: x", "version", "'2' isn't known here"),
        ("version: 1\nsite: A_b", "site", "small letters"),
        ("version: 1\nsite: ../x", "site", "small letters"),
        (f"version: 1\nsite: {'a' * 41}", "site", "40 characters at most"),
    ],
)
def test_a_wrong_head(text: str, key: str, words: str, spec_file: SpecFile) -> None:
    (problem,) = check(spec_file(text)).problems
    assert problem.place.key == key
    assert words in str(problem)


def test_all_problems_come_at_once_in_the_order_of_the_file(spec_file: SpecFile) -> None:
    path = spec_file(
        "version: 1\nsite: X\nsite: y\ncertificates:\n  server:\n    hosts:\n      - a.b\n      - a@b\n"
        "    profil: x\nregistry:\n  address: a:b:c\n  listen:\n"
    )
    with pytest.raises(SpecError) as caught:
        load(path)
    assert [(each.place.line, each.place.key) for each in caught.value.problems] == [
        (2, "site"),
        (3, "site"),
        (8, "certificates.server.hosts[1]"),
        (9, "certificates.server.profil"),
        (11, "registry.address"),
        (12, "registry.listen"),
    ]
    assert str(caught.value).splitlines()[3] == (
        f"{path}:9: certificates.server.profil: unknown key; did you mean `profile`?"
    )


def test_the_text_is_taken_as_written(spec_file: SpecFile) -> None:
    spec = load(spec_file(f"{HEAD}authority: {{CN: 2022-05-30, names: [{{C: NO, L: 0x1F, O: yes, OU: 1.10}}]}}\n"))
    assert isinstance(spec.authority, DeclaredAuthority)
    assert spec.authority.CN == "2022-05-30"
    assert spec.authority.names[0].model_dump() == {"C": "NO", "ST": None, "L": "0x1F", "O": "yes", "OU": "1.10"}


# sites that need not have everything
PARTIAL = {
    "a head alone": "",
    "trust in a company's root": "trust: {also: [root.pem]}",
    "an existing CA that is only rolled out": "authority: {certificate: root.pem}",
    "an existing CA that issues": (
        "authority: {certificate: root.pem, key: root-key.pem}\n"
        "signing: {default: {usages: [server auth]}}\ncertificates: {a: {hosts: [a.b]}}"
    ),
    "a CA and nothing else": "authority: {CN: x}",
    "a local registry": "registry: {mode: local}",
}


@pytest.mark.parametrize("name", PARTIAL)
def test_a_partial_site_is_a_full_citizen(name: str, spec_file: SpecFile) -> None:
    path = spec_file(HEAD + PARTIAL[name])
    (path.parent / "root.pem").touch()
    (path.parent / "root-key.pem").touch()
    assert not check(path).errors
    assert load(path).site == "lab"


def test_an_authority_is_read_as_the_kind_that_it_is(spec_file: SpecFile) -> None:
    path = spec_file(f"{HEAD}authority: {{certificate: root.pem}}\n")
    (path.parent / "root.pem").touch()
    assert load(path).authority == ExistingAuthority(certificate=Path("root.pem"))
    declared = DeclaredAuthority(CN="x")
    assert Spec(version=1, site="a", authority=declared).authority is declared


@pytest.mark.parametrize(
    ("written", "address", "listen"),
    [
        ({"mode": "local"}, "localhost:5000", "127.0.0.1:5000"),
        ({"mode": "local", "address": "127.0.0.1:80"}, "127.0.0.1:80", "127.0.0.1:80"),
        ({"mode": "local", "address": "localhost"}, "localhost", "127.0.0.1:80"),
        ({}, "localhost:5000", "0.0.0.0:5000"),
        ({"address": "a.b"}, "a.b", "0.0.0.0:443"),
        ({"address": "a.b:444"}, "a.b:444", "0.0.0.0:444"),
        ({"address": "a.b:444", "listen": "192.0.2.1"}, "a.b:444", "192.0.2.1:444"),
        ({"address": "[2001:db8::1]:5000", "listen": "::"}, "[2001:db8::1]:5000", "[::]:5000"),
    ],
)
def test_address_and_listen_have_defaults(written: dict[str, str], address: str, listen: str) -> None:
    registry = Registry.model_validate(written)
    assert (str(registry.address), str(registry.listen)) == (address, listen)


def test_the_shipped_spec_is_the_labs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    report = check(Path("anchorline.yml"))
    # a fresh clone has no image yet
    assert {each.code for each in report.problems} <= {"ANC231"}
    spec = load(Path("anchorline.yml"))
    assert spec.registry is not None
    assert spec.registry.endpoints == (Endpoint("registry.example.com", 443), Endpoint(ip_address("192.0.2.10"), 443))
    assert spec.pki == ROOT / "pki" / "production"
    assert spec.expiry(spec.requests["server"]) == timedelta(days=365)


def test_reading_a_spec_loads_neither_pyinfra_nor_cryptography() -> None:
    code = (
        "import sys, anchorline.spec; from pathlib import Path; anchorline.spec.load(Path('anchorline.yml'));"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'pyinfra', 'cryptography', 'gevent'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("mode", "address", "names"),
    [
        ("remote", "a.b", ("a.b", "a.b:443", "192.0.2.1", "192.0.2.1:443")),
        ("remote", "a.b:5000", ("a.b:5000", "192.0.2.1:5000")),
        ("local", "localhost", ("localhost", "localhost:80", "192.0.2.1", "192.0.2.1:80")),
    ],
)
def test_the_names_that_people_may_type(mode: str, address: str, names: tuple[str, ...]) -> None:
    registry = Registry.model_validate({"mode": mode, "address": address, "aliases": ["192.0.2.1"]})
    assert registry.store_names == names
