"""A site with a registry, and a host of it."""

from __future__ import annotations

import pytest

from anchorline.authority import Staged, stage
from anchorline.spec import load
from anchorline.trust.desired import DesiredTrust
from tests.operations.folder import Plays, System
from tests.operations.rollout.short import short_paths

SPEC = """
version: 1
site: blue
authority: {CN: Blue CA}
signing: {default: {expiry: 8760h, usages: [signing, server auth]}}
certificates: {server: {CN: registry.example.com, hosts: [registry.example.com]}}
registry: {address: registry.example.com, hosts_entry: 192.0.2.10, certificate: server}
"""


@pytest.fixture(scope="module")
def blue(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    file = tmp_path_factory.mktemp("blue") / "anchorline.yml"
    file.write_text(SPEC)
    return stage(load(file))


@pytest.fixture(scope="module")
def wanted(blue: Staged, tmp_path_factory: pytest.TempPathFactory) -> DesiredTrust:
    file = tmp_path_factory.mktemp("blue") / "anchorline.yml"
    file.write_text(SPEC)
    return DesiredTrust.of(load(file), blue)


@pytest.fixture
def machine(plays: Plays, shell: list[str]) -> System:
    return short_paths(plays, shell)
