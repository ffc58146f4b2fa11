from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SpecFile = Callable[[str], Path]


@pytest.fixture
def spec_file(tmp_path: Path) -> SpecFile:
    """Writes a spec into a folder of its own and gives its path."""

    def write(text: str) -> Path:
        path = tmp_path / "anchorline.yml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
