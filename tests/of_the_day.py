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

ONE_ROUND = "ANCHORLINE_ONE_ROUND"
"""The variable by which a drill makes one of its rounds."""
DAY = (datetime.now(UTC) - datetime(2026, 1, 1, tzinfo=UTC)).days


def rounds(many: int) -> range:
    """Which of so many rounds a drill makes: all of them, or in the drills of the day another one each day."""
    one = DAY % many
    return range(one, one + 1) if os.environ.get(ONE_ROUND) else range(many)


class OfTheDay:
    """Runs drills in the day's order until the time is over; one that has begun is brought to its end."""

    def __init__(self, minutes: float) -> None:
        self.until = time.monotonic() + 60 * minutes
        self.ran: list[str] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: sha256(f"{DAY} {item.nodeid}".encode()).digest())

    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        if time.monotonic() > self.until:
            return True  # as if it had been run: it is another day's
        self.ran.append(item.nodeid)
        return None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section(f"the drills of day {DAY}: {len(self.ran)}")
        for each in self.ran:
            terminalreporter.line(each)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=12, help="no drill begins after so many minutes")


def pytest_configure(config: pytest.Config) -> None:
    os.environ[ONE_ROUND] = "yes"
    config.pluginmanager.register(OfTheDay(config.getoption("--minutes")))
