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


@pytest.fixture(
    params=[pytest.param(3, id="each-third-call"), pytest.param(1, id="each-call", marks=pytest.mark.drill)]
)
def stride(request: pytest.FixtureRequest) -> int:
    """From which call to the disk a test goes on to which."""
    stride: int = request.param
    return stride
