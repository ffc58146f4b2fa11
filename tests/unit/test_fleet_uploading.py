"""An upload to a host that takes nothing, or breaks off: it fails that host, in time and without a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from anchorline.fleet import operations
from anchorline.fleet.fleet import Fleet, Host
from anchorline.fleet.operations import Uploading
from anchorline.fleet.run import Run
from anchorline.fleet.ssh import PATIENCE
from anchorline.fleet.steps import Step


def breaks_off(*_: object, **__: object) -> bool:
    raise EOFError


@pytest.mark.parametrize(
    ("put_file", "cause"),
    [
        (lambda *_, **__: gevent.sleep(30), "can't upload /x/image.tar: not all of it within 1 s"),
        (breaks_off, "can't upload /x/image.tar: EOFError"),
        (lambda *_, **__: True, ""),
    ],
    ids=["takes nothing", "breaks off", "takes it"],
)
def test_an_upload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put_file: Callable[..., object], cause: str
) -> None:
    (tmp_path / "image.tar").write_bytes(b"x" * 10)
    monkeypatch.setattr(operations, "PATIENCE", 1)
    fleet = Fleet(tmp_path / "anchorline.yml", {"a": Host("a")})
    monkeypatch.setattr(Run, "of", lambda _: SimpleNamespace(fleet=fleet))
    host: Any = SimpleNamespace(name="a", print_prefix="[a] ", put_file=put_file)
    state: Any = SimpleNamespace(print_output=False, print_input=False)
    done = Uploading(Step.REGISTRY, tmp_path / "image.tar", "/x/image.tar").execute(state, host, {})
    assert done == (not cause)
    assert [each.problem.cause for each in fleet.failures.values()] == [cause] * bool(cause)


def test_a_large_file_has_more_time(tmp_path: Path) -> None:
    with (tmp_path / "image.tar").open("wb") as file:
        file.truncate(operations.SLOWEST * 1000)
    assert Uploading(Step.REGISTRY, tmp_path / "image.tar", "/x").seconds == PATIENCE + 1000
