"""Numbers and facts in words."""

from __future__ import annotations

import pytest

from anchorline.report.words import holdings, plural, seconds, size


@pytest.mark.parametrize(
    ("kib", "words"),
    [
        (0, "0 KiB"),
        (1023, "1023 KiB"),
        (1024, "1.0 MiB"),
        (10 * 1024, "10 MiB"),
        (1_310_720, "1.2 GiB"),
        (5 << 30, "5.0 TiB"),
    ],
)
def test_sizes(kib: int, words: str) -> None:
    assert size(kib) == words


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (0.0, "0 s"),
        (-1.9, "0 s"),
        (-2.2, "\N{MINUS SIGN}2 s"),
        (7.4, "+7 s"),
        (200, "+3 min"),
        (-7200, "\N{MINUS SIGN}2 h"),
    ],
)
def test_clocks(offset: float, words: str) -> None:
    assert seconds(offset) == words


def test_counts() -> None:
    assert [plural(1, "host"), plural(5000, "host"), plural(2, "entry", "entries")] == [
        "1 host",
        "5,000 hosts",
        "2 entries",
    ]


def test_stores_that_hold_the_same_stand_together() -> None:
    stores = {"system": ("present", "next"), "docker": ("present", "next"), "java": ()}
    assert holdings(stores) == ["system, docker: present and next", "java: no CA of ours"]
