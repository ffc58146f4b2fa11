"""cfssl's files in place of parts of the spec: read as they are, with nothing dropped in silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from anchorline.spec import check, load
from anchorline.spec.model import DeclaredAuthority, Key, SubjectName

SpecFile = Callable[[str], Path]
SEED = Path(__file__).parents[1] / "data" / "seed"
SEED_SPEC = f"""\
version: 1
site: seed
authority: {SEED}/ca-csr.json
signing: {SEED}/ca.config
certificates:
  server: {{csr: {SEED}/server-csr.json, profile: server}}
registry:
  address: 172.17.0.2
  certificate: server
"""


def test_the_three_files_work_unchanged(spec_file: SpecFile) -> None:
    spec = load(spec_file(SEED_SPEC))
    wuxi = SubjectName(C="CN", ST="JS", L="Wu Xi")
    rsa = Key(algo="rsa", size=2048)
    assert isinstance(spec.authority, DeclaredAuthority)
    assert (spec.authority.CN, spec.authority.key, spec.authority.names) == ("cheney.io", rsa, (wuxi,))
    assert spec.authority.ca.expiry == timedelta(hours=43800)
    server = spec.requests["server"]
    assert (server.CN, server.key, server.names) == ("registry.cheney.io", rsa, (wuxi,))
    assert server.hosts == tuple(ip_address(f"172.17.0.{n}") for n in (1, 2, 3, 4))
    assert spec.signing.profile(server.profile).usages == ("signing", "key encipherment", "server auth")
    assert spec.expiry(server) == timedelta(hours=43800)
    assert list(spec.signing.profiles) == ["server", "client", "peer"]


def test_the_linter_names_each_trap_of_the_three_files_in_its_own_file(spec_file: SpecFile) -> None:
    path = spec_file(SEED_SPEC)
    report = check(path)
    found = {(each.code, each.place.file.name, each.place.line, each.place.key) for each in report.problems}
    assert found == {
        ("ANC201", "ca-csr.json", 3, "hosts"),
        ("ANC202", path.name, 3, "authority"),
        ("ANC211", "server-csr.json", 2, "CN"),
        ("ANC212", "ca.config", 8, "signing.profiles.server.expiry"),
        ("ANC213", "ca.config", 8, "signing.profiles.server.expiry"),
        ("ANC221", path.name, 7, "registry"),
    }


CA: dict[str, Any] = {"CN": "x"}
CONFIG: dict[str, Any] = {"signing": {"default": {"expiry": "1h"}}}
CSR: dict[str, Any] = {"CN": "x", "hosts": ["a.b"]}


def _name(**parts: Any) -> dict[str, Any]:
    return {"names": [parts]}


# which file, its content, and the one problem: line (each key stands in a line of its own), key, words
WRONG: list[tuple[str, Any, int, str, str]] = [
    ("ca", {"CNN": "x", **CA}, 2, "CNN", "did you mean `CN`?"),
    ("ca", {**CA, "name_constraints": {}}, 3, "name_constraints", "unknown key"),
    ("ca", {**CA, "ca": {"expiry": "x"}}, 4, "ca.expiry", "is no duration"),
    ("ca", {**CA, "ca": {"backdate": "1h"}}, 4, "ca.backdate", "is cfssl's, but"),
    ("ca", {**CA, "ca": {"pathlen": 1, "pathlenzero": True}}, 5, "ca.pathlenzero", "contradicts `pathlen`"),
    ("ca", {**CA, "ca": {"pathlenzero": "maybe"}}, 4, "ca.pathlenzero", "neither true nor false"),
    ("ca", {**CA, "key": {"algo": "rsa", "size": 1024}}, 3, "key", "2048 to 8192"),
    ("ca", {**CA, **_name(E="a@b")}, 5, "names[0].E", "e-mail addresses in a subject"),
    ("ca", {**CA, **_name(SerialNumber="1")}, 5, "names[0].SerialNumber", "serial numbers in a subject"),
    ("ca", {**CA, **_name(OID={"1.2.3": "x"})}, 5, "names[0].OID", "other attributes in a subject"),
    ("ca", {**CA, "crl_url": "x"}, 3, "crl_url", "revocation lists"),
    ("ca", [1], 1, "", "isn't a mapping"),
    ("config", {**CONFIG, "auth_keys": {}}, 7, "auth_keys", "remote signing"),
    ("config", {"profiles": {}}, 2, "profiles", "unknown key"),
    ("config", {"signing": []}, 2, "signing", "isn't a mapping"),
    (
        "config",
        {"signing": {"profiles": {"a": {"ca_constraint": {}}}}},
        5,
        "signing.profiles.a.ca_constraint",
        "intermediate",
    ),
    (
        "config",
        {"signing": {"profiles": {"a": {"usages": ["x auth"]}}}},
        6,
        "signing.profiles.a.usages[0]",
        "isn't known",
    ),
    ("csr", {**CSR, "ca": {}}, 6, "ca", "unknown key"),
    ("csr", {**CSR, "profile": "x"}, 6, "profile", "unknown key"),
    ("csr", {"hosts": ["a@b.c"]}, 3, "hosts[0]", "neither a DNS name nor an IP address"),
    ("csr", {"hosts": ["a.b", "https://a.b/"]}, 4, "hosts[1]", "neither a DNS name nor an IP address"),
]


@pytest.mark.parametrize(("kind", "content", "line", "key", "words"), WRONG)
def test_what_cfssl_would_drop_in_silence_is_a_problem(
    kind: str, content: Any, line: int, key: str, words: str, spec_file: SpecFile
) -> None:
    files = {"ca": CA, "config": CONFIG, "csr": CSR} | {kind: content}
    path = spec_file(
        "version: 1\nsite: a\n"
        "authority: sub/ca.json\nsigning: sub/config.json\ncertificates: {a: {csr: sub/csr.json}}\n"
    )
    (path.parent / "sub").mkdir()
    for name, data in files.items():
        (path.parent / "sub" / f"{name}.json").write_text(json.dumps(data, indent="\t"))
    problems = [each for each in check(path).problems if "`signing` is missing" not in each.cause]
    assert [(each.place.file, each.place.line, each.place.key) for each in problems] == [
        (path.parent / "sub" / f"{kind}.json", line, key)
    ], problems
    assert words in str(problems[0])


@pytest.mark.parametrize(
    ("part", "key", "words"),
    [
        ("authority: nowhere.json", "authority", "nowhere.json doesn't exist"),
        ("authority: '.'", "authority", ". is a folder"),
        ("signing: nowhere.json", "signing", "nowhere.json doesn't exist"),
        ("signing: config.json", "", "`signing` is missing"),
        ("certificates: {a: {csr: nowhere.json}}", "certificates.a.csr", "nowhere.json doesn't exist"),
        ("certificates: {a: {csr: [x]}}", "certificates.a.csr", "isn't a path"),
        ("certificates: {a: {csr: csr.json, hosts: [a.b]}}", "certificates.a.hosts", "stands beside `csr`"),
        ("certificates: {a: {csr: csr.json, profil: b}}", "certificates.a.profil", "did you mean `profile`?"),
    ],
)
def test_a_path_that_leads_nowhere_is_a_problem_of_the_spec(
    part: str, key: str, words: str, spec_file: SpecFile
) -> None:
    path = spec_file(f"version: 1\nsite: a\n{part}\n")
    (path.parent / "csr.json").write_text(json.dumps(CSR))
    (path.parent / "config.json").write_text("{}" if "config" not in part else '{"x": 1}')
    problems = [each for each in check(path).problems if "unknown key; known here: signing" not in str(each)]
    assert [each.place.key for each in problems] == [key], problems
    assert words in str(problems[0])


def test_cfssls_defaults(spec_file: SpecFile) -> None:
    path = spec_file("version: 1\nsite: a\nauthority: ca.json\n")
    (path.parent / "ca.json").write_text('{"CN": "x", "names": [{"C": "NO", "OU": ""}], "ca": {"pathlenzero": true}}')
    authority = load(path).authority
    assert isinstance(authority, DeclaredAuthority)
    assert authority.key == Key(algo="ecdsa", size=256)
    assert authority.names == (SubjectName(C="NO"),)
    assert (authority.ca.pathlen, authority.ca.expiry) == (0, timedelta(hours=43800))
