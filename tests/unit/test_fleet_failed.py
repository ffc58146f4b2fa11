from __future__ import annotations

import os
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


FILE, SPEC = Path("inventory/failed.py"), Path("anchorline.yml")


def test_who_failed_is_remembered_until_it_does_well() -> None:
    assert remember("inventory", SPEC, {"a": True, "b": False, "c": False}) == FILE
    assert Failed.read(FILE) == Failed("inventory", "anchorline.yml", ("b", "c"))
    names: dict[str, object] = {}
    exec(FILE.read_text(), names)  # as pyinfra reads an inventory
    assert (names["inventory"], names["failed"]) == ("inventory", ["b", "c"])
    assert remember("inventory", SPEC, {"b": True}) == FILE  # --limit b: c is as it was
    assert Failed.read(FILE).hosts == ("c",)
    assert remember("inventory", SPEC, {"a": True, "b": True, "c": True}) is None
    assert not FILE.exists()


def test_a_run_that_did_well_leaves_no_trace() -> None:
    assert remember("inventory", SPEC, {"a": True}) is None
    assert not FILE.exists()
    remember("inventory", SPEC, {"a": False})
    before = FILE.stat().st_mtime_ns
    remember("inventory", SPEC, {"a": False})  # the same again
    assert FILE.stat().st_mtime_ns == before


def test_another_inventory() -> None:
    remember("inventory", SPEC, {"a": False})
    remember("inventory/staging.py", SPEC, {"s": True})
    assert Failed.read(FILE) == Failed("inventory", "anchorline.yml", ("a",)), (
        "its own failed hosts are no matter of staging's"
    )
    remember("inventory/staging.py", SPEC, {"s": False})
    assert Failed.read(FILE) == Failed("inventory/staging.py", "anchorline.yml", ("s",))


def test_what_is_no_file_is_not_remembered(folder: Path) -> None:
    assert remember("a,b", SPEC, {"a": False}) is None
    assert [each.name for each in folder.iterdir()] == ["inventory"]


def test_the_command_that_it_stands_for() -> None:
    remember("inventory", SPEC, {"a'b": False, "@ssh/c": False})
    command = instead(str(FILE), ["-y", "--data", "x=1", str(FILE), "deploy.py"])
    assert command is not None
    assert command[:3] == [sys.executable, "-m", "pyinfra"]
    assert command[3:] == ["-y", "--data", "x=1", "--limit", "@ssh/c", "--limit", "a'b", "inventory", "deploy.py"]
    assert instead("inventory", ["inventory", "deploy.py"]) is None


def test_one_that_names_no_spec_is_of_the_usual_one() -> None:
    FILE.write_text("inventory = 'inventory'\nfailed = ['a']\n")
    assert Failed.read(FILE) == Failed("inventory", "anchorline.yml", ("a",))


def test_it_is_taken_up_by_the_spec_that_it_was_of() -> None:
    remember("inventory/staging.py", Path("staging.yml").absolute(), {"s": False})
    command = instead(str(FILE), [str(FILE), "deploy.py"])
    assert command is not None
    assert command[3:] == ["--limit", "s", "--data", "spec=staging.yml", "inventory/staging.py", "deploy.py"]
    for given in (["--data", "spec=other.yml"], ["--data=spec=other.yml"]):
        command = instead(str(FILE), [*given, str(FILE), "deploy.py"])
        assert command is not None
        assert "spec=staging.yml" not in command, "what is typed is meant"
    remember("inventory/staging.py", SPEC, {"s": True})
    assert FILE.exists(), "the same hosts by another spec are another matter"


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        (None, [], "the last run left no host failed"),
        ("failed = ['a']\n", [], "remove it"),
        ("inventory = 'inventory'\nspec = 's.yml'\nfailed = []\n", [], "remove it"),
        ("inventory = 'inventory'\nspec = 's.yml'\nfailed = [__import__('os').getpid()]\n", [], "remove it"),
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


@pytest.mark.parametrize("text", ["(" * 100_000, "failed = " + "[" * 5000, "\x00", "failed = 1/0"])
def test_a_damaged_file_is_told_and_given_up(text: str) -> None:
    FILE.write_text(text)
    with pytest.raises(ValueError, match=r"failed\.py can't be read .*: remove it"):
        instead(str(FILE), [str(FILE)])
    assert remember("inventory", SPEC, {"a": False}) == FILE
    assert Failed.read(FILE).hosts == ("a",)


def test_a_pipe_in_its_place_makes_nobody_wait() -> None:
    os.mkfifo(FILE)
    with pytest.raises(ValueError, match="it is no file"):
        instead(str(FILE), [str(FILE)])
    old = os.umask(0)
    try:
        assert remember("inventory", SPEC, {"a": False}) == FILE
    finally:
        os.umask(old)
    assert Failed.read(FILE).hosts == ("a",)
    assert FILE.stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in FILE.parent.iterdir()) == ["failed.py", "hosts.py", "staging.py"]


def test_a_link_in_its_place_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "of somebody").write_text("as it was")
    FILE.symlink_to(tmp_path / "of somebody")
    assert remember("inventory", SPEC, {"a": False}) == FILE
    assert (tmp_path / "of somebody").read_text() == "as it was"
