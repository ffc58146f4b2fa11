from __future__ import annotations

import subprocess

from anchorline.fleet.machines import MachineProbe, duplicates, read


def ask() -> list[str]:
    return subprocess.run(
        ["sh", "-c", MachineProbe().text], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_a_machine_is_itself() -> None:
    assert read(ask())
    assert read(ask()) == read(ask())


def test_two_names_of_one_machine_are_found() -> None:
    assert [*duplicates({"a": "m1", "b": "m2", "c": "m1", "d": "m1"})] == [("a", "c", "d")]
    assert [*duplicates({"a": "m1", "b": "m2"})] == []


def test_what_cannot_be_told_is_nobodys_twin() -> None:
    assert read(["boot", "mnt:[1]"]) == ""
    assert [*duplicates({"a": "", "b": ""})] == []
