"""Random specs and random damage: the outcome is a spec or a list of problems, never another exception."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchorline.spec import CheckResult, check
from anchorline.spec.model import (
    AuthorityLife,
    CertificateRequest,
    DeclaredAuthority,
    ExistingAuthority,
    ExistingCertificate,
    Key,
    Limits,
    Model,
    NameConstraints,
    Profile,
    Registry,
    Renewal,
    Rotation,
    Signing,
    Spec,
    SubjectName,
    Trust,
    Verify,
)
from anchorline.spec.rules import RULES

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "anchorline.yml").read_bytes()
SEED = ROOT / "tests" / "data" / "seed"
MODELS = (
    AuthorityLife, CertificateRequest, DeclaredAuthority, ExistingAuthority, ExistingCertificate, Key, Limits,
    NameConstraints, Profile, Registry, Signing, Spec, SubjectName, Trust, Verify,
)  # fmt: skip
KEYS = sorted({key for model in MODELS for key in model.model_fields} | {"csr", "<<", "server", "E", "OID", "1", "~"})
AUTHORITIES: tuple[type[Model], ...] = (DeclaredAuthority, DeclaredAuthority, ExistingAuthority)
CERTIFICATES: tuple[type[Model], ...] = (CertificateRequest, CertificateRequest, ExistingCertificate)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
WEIRD = (
    "~", "''", "[]", "{}", "[[]]", "0x1F", "1e999", ".inf", ".nan", "-1", "99999999999999999999", "true", "NO",
    "2022-05-30", "!!binary aGk=", "!x y", "*a", "&a b", "'\N{KELVIN SIGN}'", '"\\0"', '"\\ud800"', "|\n a\n b", "a: b",
    "*.*", "::", "[::1]:0", "0.0.0.0/0", "1%%", "'{'", "/", "..", "~/x", "x" * 5000, "ca", "١٢٣", "/dev/zero", "/etc",
)  # fmt: skip
thousands = settings(
    max_examples=1000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)


def _well_formed(report: CheckResult) -> None:
    """What every outcome has in common."""
    assert bool(report.spec) is not bool(report.errors)
    for problem in report.problems:
        assert problem.cause
        assert "\n" not in str(problem)
        assert len(str(problem)) < 1000
        assert "pydantic" not in str(problem)
        if problem.place.line:
            text = problem.place.file.read_bytes().decode(errors="replace")
            breaks = sum(text.count(each) for each in "\n\r\x85\u2028\u2029")  # YAML 1.1's, which PyYAML counts
            assert problem.place.line <= breaks + 1


# what mostly fits, by key
FITTING: dict[str, list[Any]] = {
    "version": [1],
    "site": ["lab"],
    "CN": ["a.example.com", "Lab"],
    "key": [{"algo": "rsa"}, {"algo": "ecdsa", "size": 384}, {"algo": "ed25519"}, "seed.key"],
    "algo": ["rsa", "ecdsa"],
    "size": [2048, 256, 384],
    "names": [[{"C": "NO", "O": "x"}], []],
    "ca": [{"expiry": "1h"}, {"expiry": "10y", "pathlen": 1}],
    "name_constraints": [{"dns": ["example.com"]}, {"ip": ["192.0.2.0/24"]}, {}],
    "certificate": ["server", "ca-csr.json"],
    "expiry": ["8760h", "1d"],
    "usages": [["signing", "server auth"], ["client auth", "key encipherment"], []],
    "default": [{"usages": ["server auth"]}, {}],
    "profiles": [{"server": {"usages": ["server auth"]}}, {"server": {}}, {}],
    "profile": ["server", "default"],
    "hosts": [["a.example.com", "192.0.2.10"], ["*.example.com"], []],
    "mode": ["remote", "local"],
    "address": ["a.example.com", "192.0.2.10:5000", "localhost", "[::1]:5000"],
    "aliases": [["192.0.2.10"], ["b.example.com", "b.example.com"], []],
    "hosts_entry": ["192.0.2.10"],
    "listen": ["0.0.0.0:443", "127.0.0.1", "192.0.2.10:5000", "[::]:443"],
    "image": ["registry:3"],
    "archive": ["x.tar", "ca.config"],
    "name": ["registry"],
    "data": ["/srv/registry"],
    "runtime": ["docker"],
    "stores": [["system", "system"], []],
    "also": [["ca-csr.json"], ["nowhere.pem"]],
    "users": [["alice"], []],
    "containerd": [{"configure": True}],
    "push": ["one", "all"],
    "failed": ["30%"],
    "issue": ["deploy", "explicit"],
    "before": ["33%", "30d"],
    "rekey": [True, False],
    "sighting": ["7d"],
    "without": [["old"], []],
    "ignore": [["ANC202"], ["ANC101"], []],
}


def _anything(random: Random, depth: int = 0) -> Any:
    kind = random.random()
    if kind < 0.6 or depth > 3:
        return random.choice([*random.choice(list(FITTING.values())), None, 0, -1, True, 1.5, "", "*", *KEYS])
    inner = (_anything(random, depth + 1) for _ in range(random.randrange(3)))
    return list(inner) if kind < 0.8 else {random.choice(KEYS): each for each in inner}


def _value(random: Random, key: str, strange: float) -> Any:
    return _anything(random) if random.random() < strange else random.choice(FITTING[key])


def _part(random: Random, model: type[Model], strange: float) -> Any:
    if random.random() < strange:
        return _anything(random)
    keys = [key for key in model.model_fields if random.random() < 0.6 or model.model_fields[key].is_required()]
    return {key: _value(random, key, strange) for key in keys}


def _spec(random: Random) -> dict[str, Any]:
    strange = random.choice([0, 0.02, 0.2])
    authority = random.choice(AUTHORITIES)
    spec = {"version": _value(random, "version", strange / 10), "site": _value(random, "site", strange / 10)}
    parts: dict[str, Any] = {
        "authority": _part(random, authority, strange),
        "signing": _part(random, Signing, strange),
        "certificates": {
            random.choice(["server", *KEYS]): _part(random, random.choice(CERTIFICATES), strange)
            for _ in range(random.randrange(3))
        },
        "registry": _part(random, Registry, strange),
        "trust": _part(random, Trust, strange),
        "verify": _part(random, Verify, strange),
        "renewal": _part(random, Renewal, strange),
        "rotation": _part(random, Rotation, strange),
        "limits": _part(random, Limits, strange),
        "ignore": _value(random, "ignore", strange),
    }
    return spec | {key: part for key, part in parts.items() if random.random() < 0.6}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder with the seed's files, whose spec each example overwrites."""
    folder = tmp_path_factory.mktemp("fuzz")
    for file in SEED.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


@thousands
@given(seed=st.integers(0, 1 << 64))
def test_random_specs(seed: int, folder: Path) -> None:
    path = folder / "random.yml"
    path.write_text(yaml.dump(_spec(Random(seed)), Dumper=DUMPER), encoding="utf-8")
    _well_formed(check(path))


def test_the_random_specs_are_of_all_kinds(folder: Path) -> None:
    path = folder / "kinds.yml"
    found = Counter[str]()
    for seed in range(600):
        path.write_text(yaml.dump(_spec(Random(seed)), Dumper=DUMPER), encoding="utf-8")
        report = check(path)
        found.update(["fits" if report.spec else "wrong"])
        found.update({each.code for each in report.problems})
    assert found["fits"] > 30
    assert found["wrong"] > 50
    assert found[""] > 50, "problems that no rule stands behind"
    assert len(found) > len(RULES) // 2


def _flip(random: Random, text: bytearray) -> None:
    text[random.randrange(len(text))] ^= 1 << random.randrange(8)


def _delete(random: Random, text: bytearray) -> None:
    start = random.randrange(len(text))
    del text[start : start + random.randrange(1, 40)]


def _swap(random: Random, text: bytearray) -> None:
    lines = text.split(b"\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    text[:] = b"\n".join(lines)


def _rename(random: Random, text: bytearray) -> None:
    key = random.choice(KEYS).encode()
    text[:] = text.replace(key + b":", random.choice(KEYS).encode() + b":", 1)


def _replace(random: Random, text: bytearray) -> None:
    lines = text.split(b"\n")
    index = random.randrange(len(lines))
    key, colon, _ = lines[index].partition(b":")
    lines[index] = key + colon + b" " + random.choice(WEIRD).encode("utf-8", "surrogatepass")
    text[:] = b"\n".join(lines)


DAMAGE = (_flip, _delete, _swap, _rename, _replace)


@thousands
@given(seed=st.integers(0, 1 << 64), times=st.integers(1, 6))
def test_damaged_specs(seed: int, times: int, folder: Path) -> None:
    random = Random(seed)
    text = bytearray(SHIPPED)
    for _ in range(times):
        random.choice(DAMAGE)(random, text)
    path = folder / "damaged.yml"
    path.write_bytes(text)
    _well_formed(check(path))


@settings(thousands, max_examples=500)
@given(seed=st.integers(0, 1 << 64), name=st.sampled_from(["ca-csr.json", "ca.config", "server-csr.json"]))
def test_damaged_cfssl_files(seed: int, name: str, folder: Path) -> None:
    random = Random(seed)
    text = bytearray((SEED / name).read_bytes())
    for _ in range(3):
        random.choice(DAMAGE)(random, text)
    (folder / f"damaged-{name}").write_bytes(text)
    files = {each.name: f"damaged-{each.name}" if each.name == name else each.name for each in SEED.iterdir()}
    path = folder / "cfssl.yml"
    path.write_text(
        f"version: 1\nsite: seed\nauthority: {files['ca-csr.json']}\nsigning: {files['ca.config']}\n"
        f"certificates: {{server: {{csr: {files['server-csr.json']}, profile: server}}}}\n"
    )
    _well_formed(check(path))
