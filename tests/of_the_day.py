"""A plugin of pytest: as many drills as fit into some minutes, other ones each day, and each in one round.

    pytest -p tests.of_the_day --minutes 12 -m drill tests

``.ci/run`` has it, so that a drill that broke is found within days and not at the next release.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from hashlib import sha256

import pytest

ROUNDS = "ANCHORLINE_ROUNDS"
"""The variable that says how often a drill repeats what it repeats."""


def rounds(many: int) -> int:
    """How many of so many rounds a drill makes: all of them, but in the drills of the day."""
    return min(many, int(os.environ.get(ROUNDS, many)))


class OfTheDay:
    """Runs drills in the day's order until the time is over; one that has begun is brought to its end."""

    def __init__(self, minutes: float) -> None:
        self.until = time.monotonic() + 60 * minutes
        self.day = (datetime.now(UTC) - datetime(2026, 1, 1, tzinfo=UTC)).days
        self.ran: list[str] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: sha256(f"{self.day} {item.nodeid}".encode()).digest())

    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        if time.monotonic() > self.until:
            return True  # as if it had been run: it is another day's
        self.ran.append(item.nodeid)
        return None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section(f"the drills of day {self.day}: {len(self.ran)}")
        for each in self.ran:
            terminalreporter.line(each)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=12, help="no drill begins after so many minutes")


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault(ROUNDS, "1")
    config.pluginmanager.register(OfTheDay(config.getoption("--minutes")))
