"""The answers of real hosts in tests/data/answers, which record_answers.py writes and tests read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from anchorline.fleet.fleet import CLIENTS, REGISTRY, Fleet, Host, Purpose

ANSWERS = Path(__file__).parent / "data/answers"
RECORDED = "recorded"
"""The frame of these answers."""


def fleet_of(file: Path, names: Iterable[str]) -> Fleet:
    """The lab's hosts as a probe has them."""
    hosts = {name: Host(name, (REGISTRY if name == REGISTRY else CLIENTS,)) for name in names}
    return Fleet(file, hosts, purpose=Purpose.STATUS)
