"""A host as the doctor has it, on which nothing is wrong, and what makes it otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from anchorline.authority import Staged, stage
from anchorline.authority.anchors import read_certificates
from anchorline.problem import Problem, Where
from anchorline.spec import load
from anchorline.spec.values import Endpoint
from anchorline.trust.observed import ObservedTrust
from anchorline.trust.plan import TrustPlan
from anchorline.trust.stores.families import FAMILIES
from anchorline.verify.diagnosis import Case, diagnose
from anchorline.verify.observed import ObservedClient

NAME = "registry.example.com"
SPEC = """
version: 1
site: blue
authority: {CN: CN CA}
signing: {default: {expiry: 8760h, usages: [signing, server auth]}}
certificates:
  server: {CN: registry.example.com, hosts: [registry.example.com, 192.0.2.10]}
  wild: {CN: wild, hosts: ["*.example.com"]}
registry: {address: registry.example.com, hosts_entry: 192.0.2.10, certificate: server}
"""
NOW = datetime.now(UTC)
ROLLOUT = "pyinfra -y --limit web inventory anchorline.trust.rollout"
SERVE = "pyinfra -y inventory anchorline.registry.serve"


def site(folder: Path, name: str) -> Staged:
    file = folder / f"{name}.yml"
    file.write_text(SPEC.replace("blue", name).replace("CN CA", f"{name.title()} CA"))
    return stage(load(file))


def served(staged: Staged, name: str = "server") -> tuple[x509.Certificate, ...]:
    return read_certificates(staged.certificate(name).pem.encode(), Path("served"))


def healthy(staged: Staged) -> Case:
    """A host on which nothing is wrong."""
    return Case(
        host="web",
        site="blue",
        seen=ObservedClient(NOW, ("192.0.2.10",), "open", served(staged), proxies=(("docker", "", ""), ("-", "", ""))),
        trust=ObservedTrust(
            ("debian",), FAMILIES[0], tools=frozenset({"docker", "curl"}), folders=(("docker", "/etc/docker/certs.d"),)
        ),
        change=TrustPlan(),
        now=NOW,
        ca=staged.ca,
        stores=("system", "docker"),
        endpoint=Endpoint(NAME, 443),
        entry="192.0.2.10",
        leaf=staged.certificate("server").fingerprint,
    )


def sees(case: Case, **what: Any) -> Case:
    return replace(case, seen=replace(case.seen, **what))


def here(cause: str, command: str) -> Problem:
    return Problem(cause, command, Where.HERE)


def found(case: Case) -> Problem:
    diagnosis = diagnose(case)
    assert diagnosis is not None
    return diagnosis
