"""Each rule finds what it is for, in its place, and keeps quiet about what is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from anchorline.spec import check
from anchorline.spec.lint import rules_table
from anchorline.spec.model import NameConstraints
from anchorline.spec.names import covers, permitted
from anchorline.spec.rules import RULES
from anchorline.spec.values import parse_name, parse_network

SpecFile = Callable[[str], Path]
ROOT = Path(__file__).parents[2]
DIGEST = "sha256:" + "0" * 64

# no rule has anything to say about this one; each case below changes some of its lines
SOUND = f"""\
version: 1
site: lab
authority:
  CN: Lab CA
  ca: {{expiry: 87600h}}
  name_constraints: {{dns: [example.com, localhost], ip: [192.0.2.0/24, '::1/128', 127.0.0.0/8]}}
signing:
  default: {{expiry: 8760h, usages: [signing, server auth]}}
  profiles:
    server: {{usages: [signing, server auth]}}
    client: {{usages: [signing, client auth]}}
certificates:
  server:
    profile: server
    CN: registry.example.com
    hosts: [registry.example.com, '*.apps.example.com', 192.0.2.10]
registry:
  mode: remote
  address: registry.example.com
  aliases: [192.0.2.10, x.apps.example.com]
  hosts_entry: 192.0.2.10
  listen: 0.0.0.0:443
  certificate: server
  image: registry@{DIGEST}
trust:
  also: []
ignore: []
"""
LOCAL = [
    ("mode: remote", "mode: local"),
    ("address: registry.example.com", "address: localhost"),
    ("aliases: [192.0.2.10, x.apps.example.com]", "aliases: []"),
    ("  hosts_entry: 192.0.2.10\n", ""),
    ("listen: 0.0.0.0:443", "listen: 127.0.0.1:80"),
    ("  certificate: server\n", ""),
]

CERTIFICATES = "certificates:\n"
Changes = list[tuple[str, str]]
# code, what is changed, and the key path of every finding
FOUND: list[tuple[str, Changes, list[str]]] = [
    ("ANC101", [
        ("authority:\n", ""), ("  CN: Lab CA\n", ""), ("  ca: ", "  # "), ("  name_constraints", "  # ")],
        ["certificates"]),
    ("ANC102", [("192.0.2.0/24", "198.51.100.0/24")], ["certificates.server.hosts[2]", "registry.aliases[0]"]),
    ("ANC102", [("dns: [example.com, ", "dns: [stry.example.com, ")], [
        "certificates.server.hosts[0]", "certificates.server.hosts[1]", "registry.address", "registry.aliases[1]"]),
    ("ANC103", [(CERTIFICATES, CERTIFICATES + "  ip: {CN: 192.0.2.10, hosts: [192.0.2.10]}\n")],
        ["certificates.ip.CN"]),
    ("ANC103", [(CERTIFICATES, CERTIFICATES + "  builder: {profile: client, CN: builder-7}\n")],
        ["certificates.builder.CN"]),
    ("ANC111", [("profile: server", "profile: sever")], ["certificates.server.profile"]),
    ("ANC112", [("server: {usages: [signing, server auth]}", "server: {}")], ["certificates.server"]),
    ("ANC112", [("8760h, usages: [signing, server auth]", "8760h"), ("    profile: server\n", "")],
        ["certificates.server"]),
    ("ANC113", [(CERTIFICATES, CERTIFICATES + "  CA: {profile: client}\n")], ["certificates.CA"]),
    ("ANC113", [(CERTIFICATES, CERTIFICATES + "  server-key: {profile: client}\n")], ["certificates.server-key"]),
    ("ANC113", [(CERTIFICATES, CERTIFICATES + "  ../x: {profile: client}\n")], ["certificates.../x"]),
    ("ANC113", [(CERTIFICATES, CERTIFICATES + "  .x: {profile: client}\n")], ["certificates..x"]),
    ("ANC114", [(CERTIFICATES, CERTIFICATES + "  bare: {profile: server}\n")], ["certificates.bare"]),
    ("ANC121", [("  certificate: server\n", "")], ["registry"]),
    ("ANC121", [("certificate: server", "certificate: sever")], ["registry.certificate"]),
    ("ANC122", [("profile: server", "profile: client")], ["registry.certificate"]),
    ("ANC123", [("address: registry.", "address: hub.")], ["registry.address"]),
    ("ANC123", [("x.apps", "x.y.apps")], ["registry.aliases[1]"]),
    ("ANC123", [("x.apps", "apps")], ["registry.aliases[1]"]),
    ("ANC123", [("aliases: [192.0.2.10", "aliases: [192.0.2.11")], ["registry.aliases[0]"]),
    ("ANC124", [("listen: 0.0.0.0:443", "listen: 192.0.2.9:443")], ["registry.listen"]),
    ("ANC125", [("listen: 0.0.0.0:443", "listen: 0.0.0.0:5000")], [
        "registry.address", "registry.aliases[0]", "registry.aliases[1]"]),
    ("ANC125", [("[192.0.2.10, x.apps", "['192.0.2.10:80', x.apps")], ["registry.aliases[0]"]),
    ("ANC126", [*LOCAL[:4], LOCAL[5]], ["registry.listen"]),
    ("ANC126", [LOCAL[0], *LOCAL[2:]], ["registry.address"]),
    ("ANC127", [*LOCAL[:3], *LOCAL[4:]], ["registry.hosts_entry"]),
    ("ANC127", [("address: registry.example.com", "address: 192.0.2.10")], ["registry.hosts_entry"]),
    ("ANC131", [("also: []", "also: [nowhere.pem, '.']")], ["trust.also[0]", "trust.also[1]"]),
    ("ANC131", [
        ("  CN: Lab CA\n", "  certificate: nowhere.pem\n  key: nowhere.pem\n"), ("  ca: {expiry: 87600h}\n", ""),
        ("  name_constraints", "  # ")], ["authority.certificate", "authority.key"]),
    ("ANC201", [("  CN: Lab CA\n", "  CN: Lab CA\n  hosts: [a.b]\n")], ["authority.hosts"]),
    ("ANC202", [("  name_constraints", "  # ")], ["authority"]),
    ("ANC203", [("dns: [example.com, localhost], ", "")], ["authority.name_constraints"]),
    ("ANC203", [(", ip: [192.0.2.0/24, '::1/128', 127.0.0.0/8]", "")], ["authority.name_constraints"]),
    ("ANC203", [("'::1/128', ", "")], ["authority.name_constraints.ip"]),
    ("ANC211", [("CN: registry.", "CN: hub.")], ["certificates.server.CN"]),
    ("ANC211", [("CN: registry.example.com", "CN: The Registry")], ["certificates.server.CN"]),
    ("ANC212", [("87600h", "8760h")], ["signing.default.expiry"]),
    ("ANC212", [("server: {usages", "server: {expiry: 10y, usages")], ["signing.profiles.server.expiry"]),
    ("ANC213", [("8760h, usages", "826d, usages")], ["signing.default.expiry"]),
    ("ANC214", [("server: {usages: [signing", "server: {usages: [signing, key encipherment")],
        ["signing.profiles.server.usages[1]"]),
    ("ANC221", [(f"registry@{DIGEST}", "registry:3")], ["registry.image"]),
    ("ANC128", [("  mode: remote\n", "  archive: anchorline.yml\n")], ["registry.image"]),
    *[
        ("ANC129", [("  mode: remote\n", f"  mode: remote\n  data: {data}\n")], ["registry.data"])
        for data in (
            "/var/lib/anchorline",
            "/var/lib/anchorline/sites",
            "/var/lib/anchorline/sites/lab/registry",
            "/etc/anchorline",
            "/run/anchorline/images",
            "/var/lib",
            "/var/lib/docker/volumes",
            "/tmp/images",
            "/etc/images",
        )
    ],
    ("ANC222", LOCAL[:5], ["registry.certificate"]),
    ("ANC223", [("address: registry.example.com", "address: localhost"), ("hosts: [", "hosts: [localhost, ")],
        ["registry.address"]),
    ("ANC231", [("  mode: remote\n", "  archive: nowhere.tar\n"), (f"registry@{DIGEST}", "registry:3")],
        ["registry.archive"]),
    ("ANC232", [("aliases: [192.0.2.10", "aliases: [192.0.2.10, 192.0.2.10")], ["registry.aliases[1]"]),
    ("ANC232", [("hosts: [", "hosts: [Registry.Example.COM., ")], ["certificates.server.hosts[1]"]),
]  # fmt: skip

# what is right, or is another rule's business
QUIET: dict[str, Changes] = {
    "as it is": [],
    "local": LOCAL,
    "a leaf that ends before its CA": [("8760h, usages", "825d, usages")],
    "key encipherment with rsa": [
        ("[signing, server", "[signing, key encipherment, server"),
        ("    CN: r", "    key: {algo: rsa}\n    CN: r")],
    "a tag with an archive": [(f"registry@{DIGEST}", "registry:3\n  archive: anchorline.yml")],
    "listening on the loopback, behind a proxy": [("listen: 0.0.0.0:443", "listen: 127.0.0.1:443")],
    "listening on every IPv6 address": [("listen: 0.0.0.0:443", "listen: '[::]:443'")],
    "listening on the certificate's address": [("listen: 0.0.0.0:443", "listen: 192.0.2.10:443")],
    "listening where the certificate has only other kinds": [("listen: 0.0.0.0:443", "listen: '[2001:db8::1]:443'")],
    "a client without a permitted name": [(CERTIFICATES, CERTIFICATES + "  c: {profile: client}\n")],
    "a CN that a wildcard covers": [("CN: registry.", "CN: y.apps.")],
    "a profile that nobody uses and says nothing": [("client: {usages: [signing, client auth]}", "client: {}")],
    "images in a folder beside the sites'": [("  mode: remote\n", "  data: /var/lib/anchorline/sites-images\n")],
    "images on a disk": [("  mode: remote\n", "  data: /mnt/etc/registry\n")],
    "images in a folder of /usr/local": [("  mode: remote\n", "  data: /usr/local/registry\n")],
    "a file that is there": [("also: []", "also: [anchorline.yml]")],
}  # fmt: skip


def _changed(changes: Changes) -> str:
    text = SOUND
    for old, new in changes:
        assert old in text, f"{old!r} isn't in the sound spec"
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize(("code", "changes", "keys"), FOUND, ids=lambda each: each if isinstance(each, str) else "")
def test_a_rule_finds_its_case_in_its_place(code: str, changes: Changes, keys: list[str], spec_file: SpecFile) -> None:
    problems = check(spec_file(_changed(changes))).problems
    found = [each for each in problems if each.code == code]
    assert [each.place.key for each in found] == keys, problems
    for each in found:
        assert each.warning is RULES[code].warning
        assert each.cause
        assert each.fix
        assert each.place.line


@pytest.mark.parametrize("name", QUIET)
def test_the_rules_keep_quiet_about_what_is_right(name: str, spec_file: SpecFile) -> None:
    assert check(spec_file(_changed(QUIET[name]))).problems == ()


def test_every_rule_has_a_case_a_summary_and_a_code_of_its_own() -> None:
    assert {code for code, _, _ in FOUND} == set(RULES)
    for each in RULES.values():
        assert each.summary.endswith((".", ";"))
        assert len(each.summary) < 120
    assert len({each.find for each in RULES.values()}) == len(RULES)


@pytest.mark.parametrize("code", [code for code in RULES if RULES[code].warning])
def test_ignore_silences_a_warning(code: str, spec_file: SpecFile) -> None:
    changes = next(changes for each, changes, _ in FOUND if each == code)
    problems = check(spec_file(_changed([*changes, ("ignore: []", f"ignore: [{code}]")]))).problems
    assert code not in {each.code for each in problems}


@pytest.mark.parametrize(
    ("code", "words"),
    [("ANC123", "errors can't be ignored"), ("ANC299", "no rule is called 'ANC299'"), ("anc202", "mean `ANC202`?")],
)
def test_ignore_takes_the_codes_of_warnings_alone(code: str, words: str, spec_file: SpecFile) -> None:
    report = check(spec_file(_changed([("ignore: []", f"ignore: [{code}]")])))
    (problem,) = report.errors
    assert report.spec is None
    assert problem.place.key == "ignore[0]"
    assert words in str(problem)


def test_an_existing_ca_without_its_key_issues_nothing(spec_file: SpecFile) -> None:
    changes = [
        ("  CN: Lab CA\n", "  certificate: anchorline.yml\n"),
        ("  ca: {expiry: 87600h}\n", ""),
        ("  name_con", "  # "),
    ]
    (problem,) = check(spec_file(_changed(changes))).problems
    assert (problem.code, problem.place.key) == ("ANC101", "authority")


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.b", "A.B.", True),
        ("a.b", "x.a.b", False),
        ("*.a.b", "x.a.b", True),
        ("*.a.b", "a.b", False),
        ("*.a.b", "y.x.a.b", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.10", False),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("192.0.2.1", "::ffff:192.0.2.1", False),
    ],
)
def test_what_a_name_covers(pattern: str, name: str, expected: bool) -> None:
    assert covers(parse_name(pattern), parse_name(name)) is expected


@pytest.mark.parametrize(
    ("name", "dns", "ip", "expected"),
    [
        ("example.com", ["example.com"], [], True),
        ("a.b.example.com", ["example.com"], [], True),
        ("*.example.com", ["example.com"], [], True),
        ("badexample.com", ["example.com"], [], False),
        ("com", ["example.com"], [], False),
        ("*.example.com", ["a.example.com"], [], False),
        ("192.0.2.1", ["example.com"], [], True),
        ("example.com", [], ["192.0.2.0/24"], True),
        ("192.0.2.1", [], ["192.0.2.0/24"], True),
        ("192.0.3.1", [], ["192.0.2.0/24"], False),
        ("2001:db8::1", [], ["192.0.2.0/24"], False),
    ],
)
def test_what_constraints_permit(name: str, dns: list[str], ip: list[str], expected: bool) -> None:
    constraints = NameConstraints(dns=tuple(dns), ip=tuple(map(parse_network, ip)))
    assert permitted(parse_name(name), constraints) is expected


def test_the_documented_table_is_current() -> None:
    assert rules_table() in (ROOT / "docs" / "spec.md").read_text(encoding="utf-8")
