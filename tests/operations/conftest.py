from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from anchorline.trust.stores.families import Family
from tests.unit.tools import lacking

from .folder import Folder, Plays, System
from .site import Site

SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "ash": ["busybox", "ash"]}
"""What hosts have as sh: Debian's, that of Fedora and Arch, and Alpine's."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site's folder, with no hosts yet."""
    return Site.make(tmp_path)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    """The command of a shell, by turns."""
    command = SHELLS[request.param]
    return command if shutil.which(command[0]) else lacking(f"{command[0]} isn't installed here")


@pytest.fixture
def folder(tmp_path: Path, shell: list[str]) -> Folder:
    """A folder that plays a host's root."""
    return Folder(tmp_path, shell)


@pytest.fixture
def plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plays:
    """Lays out a folder as that of a family, with a shell as its sh; the tables' paths lie under it for the test."""

    def play(row: Family, shell: list[str]) -> System:
        system = System(tmp_path / "root", shell, row)
        system.stand(monkeypatch)
        return system

    return play
