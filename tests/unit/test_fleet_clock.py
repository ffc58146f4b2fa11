"""Clocks: whose is wrong."""

from __future__ import annotations

import pytest

from anchorline.fleet.clock import problem, read, wrong_here

HOUR = 3600


def test_what_a_host_says() -> None:
    assert read(["1000"], 940.0) == 60.0
    assert read([], 940.0) is None
    assert read(["date: no such file"], 940.0) is None


@pytest.mark.parametrize("offset", [0, 299, -299])
def test_a_clock_that_is_right(offset: float) -> None:
    assert problem(offset) is None


def test_a_clock_that_is_wrong() -> None:
    ahead, behind = problem(HOUR + 60), problem(-600)
    assert ahead is not None
    assert behind is not None
    assert ahead.cause == "its clock is 1 h 1 min ahead: certificates end early there"
    assert behind.cause == "its clock is 10 min behind: a new certificate may not be valid there yet"
    assert {ahead.fix, behind.fix} == {"timedatectl set-ntp true"}


@pytest.mark.parametrize(
    ("offsets", "words"),
    [
        ((HOUR, HOUR + 60, HOUR), "this machine's clock is 1 h 0 min behind that of 3 of 3 hosts"),
        ((-HOUR, -HOUR, 0), "this machine's clock is 1 h 0 min ahead of that of 2 of 3 hosts"),
        ((HOUR,), "1 of 1"),
        ((HOUR, 0, 0), ""),
        ((HOUR, -HOUR, 0), ""),
        ((HOUR, 0), ""),
        ((), ""),
    ],
)
def test_whose_clock_is_wrong(offsets: tuple[float, ...], words: str) -> None:
    why = wrong_here({str(number): offset for number, offset in enumerate(offsets)}, "issue alone")
    assert (words in why.cause if why else False) if words else why is None
