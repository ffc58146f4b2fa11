from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.tools import lacking

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
