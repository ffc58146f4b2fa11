"""What a new site is made of: names, domains, files found by their content, and a write that is all or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from anchorline.authority import disk
from anchorline.errors import StoreError
from anchorline.init import write as room
from anchorline.init.site import domain, scalar
from anchorline.init.write import write


@pytest.mark.parametrize(
    ("name", "around"),
    [
        ("hub.example.com", "example.com"),
        ("hub.dc1.example.com", "dc1.example.com"),
        ("example.com", "example.com"),
        ("hub.lan", "hub.lan"),
        ("hub", "hub"),
        ("example.co.uk", "example.co.uk"),
        ("hub.example.co.uk", "example.co.uk"),
        ("hub.example.de", "example.de"),
        ("example.com.au", "example.com.au"),
    ],
)
def test_the_domain_around_a_name(name: str, around: str) -> None:
    """Never a domain in which strangers have names: the CA could vouch for theirs."""
    assert domain(name) == around


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("example.com", "example.com"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("::1/128", '"::1/128"'),
        ("a b", '"a b"'),
        ("ü.json", '"ü.json"'),
        ("-x", '"-x"'),
        ('a"b', '"a\\"b"'),
        ("a: b", '"a: b"'),
        ("#a", '"#a"'),
    ],
)
def test_a_scalar(value: str, written: str) -> None:
    assert scalar(value) == written


def test_a_write_that_breaks_off_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/mine").write_text("mine")
    files = {"a/b/one": b"1", "there/two": b"2", "three": b"3"}
    real, synced = disk.sync, list[Path]()

    def break_off(path: Path) -> None:
        synced.append(path)
        if path.name == "three":
            raise KeyboardInterrupt
        real(path)

    monkeypatch.setattr(disk, "sync", break_off)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, files)
    assert len(synced) == 3
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mine", "there"]


def test_what_comes_meanwhile_is_not_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the probe and the write somebody else makes one of the files."""
    real = room.require_free

    def then_comes_another(folder: Path, files: dict[str, bytes]) -> None:
        real(folder, files)
        (folder / "two").write_text("theirs")

    monkeypatch.setattr(room, "require_free", then_comes_another)
    with pytest.raises(StoreError, match="two: File exists; nothing is left of what was written"):
        write(tmp_path, {"one": b"1", "two": b"2"})
    assert [path.name for path in tmp_path.iterdir()] == ["two"]
    assert (tmp_path / "two").read_text() == "theirs"
