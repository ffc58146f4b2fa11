from __future__ import annotations

from pathlib import Path

import pytest

from .site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site's folder, with no hosts yet."""
    return Site.make(tmp_path)
