"""Two sites, and a host of Debian."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from anchorline.trust.desired import DesiredTrust
from tests.operations.export.exported import DEBIAN, host, made
from tests.operations.folder import Plays, System
from tests.unit.tools import lacking


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DesiredTrust]:
    return {site: made(tmp_path_factory.mktemp(site), site) for site in ("blue", "green")}


@pytest.fixture
def wanted(sites: dict[str, DesiredTrust]) -> DesiredTrust:
    return sites["blue"]


@pytest.fixture
def debian(plays: Plays, shell: list[str]) -> System:
    return host(plays, DEBIAN, shell)


@pytest.fixture
def containers(debian: System) -> Iterator[None]:
    """All three runtimes in use, on the host of the test."""
    if any(shutil.which(tool) for tool in ("dockerd", "podman", "ctr")):
        lacking("this machine has a container runtime of its own")
    for tool, text in {"dockerd": "", "podman": "", "ctr": "echo k8s.io"}.items():
        debian.tool(tool, text)
    with debian.containerd():
        yield
