from __future__ import annotations

import sys
from pathlib import Path

import pytest

from anchorline.fleet.failed import Failed, instead, remember


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/hosts.py").write_text("clients = ['a', 'b', 'c']\n")
    (tmp_path / "inventory/staging.py").write_text("clients = ['s']\n")
    return tmp_path


FILE = Path("inventory/failed.py")


def test_who_failed_is_remembered_until_it_does_well() -> None:
    assert remember("inventory", {"a": True, "b": False, "c": False}) == FILE
    assert Failed.read(FILE) == Failed("inventory", ("b", "c"))
    names: dict[str, object] = {}
    exec(FILE.read_text(), names)  # as pyinfra reads an inventory
    assert (names["inventory"], names["failed"]) == ("inventory", ["b", "c"])
    assert remember("inventory", {"b": True}) == FILE  # --limit b: c is as it was
    assert Failed.read(FILE).hosts == ("c",)
    assert remember("inventory", {"a": True, "b": True, "c": True}) is None
    assert not FILE.exists()


def test_a_run_that_did_well_leaves_no_trace() -> None:
    assert remember("inventory", {"a": True}) is None
    assert not FILE.exists()
    remember("inventory", {"a": False})
    before = FILE.stat().st_mtime_ns
    remember("inventory", {"a": False})  # the same again
    assert FILE.stat().st_mtime_ns == before


def test_another_inventory() -> None:
    remember("inventory", {"a": False})
    remember("inventory/staging.py", {"s": True})
    assert Failed.read(FILE) == Failed("inventory", ("a",)), "its own failed hosts are no matter of staging's"
    remember("inventory/staging.py", {"s": False})
    assert Failed.read(FILE) == Failed("inventory/staging.py", ("s",))


def test_what_is_no_file_is_not_remembered(folder: Path) -> None:
    assert remember("a,b", {"a": False}) is None
    assert [each.name for each in folder.iterdir()] == ["inventory"]


def test_the_command_that_it_stands_for() -> None:
    remember("inventory", {"a'b": False, "@ssh/c": False})
    command = instead(str(FILE), ["-y", "--data", "x=1", str(FILE), "deploy.py"])
    assert command is not None
    assert command[:3] == [sys.executable, "-m", "pyinfra"]
    assert command[3:] == ["-y", "--data", "x=1", "--limit", "@ssh/c", "--limit", "a'b", "inventory", "deploy.py"]
    assert instead("inventory", ["inventory", "deploy.py"]) is None


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        (None, [], "the last run left no host failed"),
        ("failed = ['a']\n", [], "remove it"),
        ("inventory = 'inventory'\nfailed = []\n", [], "remove it"),
        ("inventory = 'inventory'\nfailed = [__import__('os').getpid()]\n", [], "remove it"),
        ("inventory = (", [], "remove it"),
        ("inventory = 'inventory'\nfailed = ['a']\n", ["--limit", "b"], "leave yours out"),
        ("inventory = 'inventory'\nfailed = ['a']\n", ["--limit=b"], "leave yours out"),
    ],
)
def test_what_cannot_be_taken_up(text: str | None, arguments: list[str], words: str) -> None:
    if text is not None:
        FILE.write_text(text)
    with pytest.raises(ValueError, match=words):
        instead(str(FILE), [*arguments, str(FILE), "deploy.py"])
