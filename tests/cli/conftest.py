from __future__ import annotations

from pathlib import Path

import pytest

from .sites import PkiSite


@pytest.fixture
def pki(tmp_path: Path) -> PkiSite:
    return PkiSite(tmp_path)
