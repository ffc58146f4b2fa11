"""How many hosts may fail before a run stops."""

from __future__ import annotations

FEWEST = 3
"""Fewer failed hosts than this never stop a run: in a fleet of four, one that is down is no reason."""


def too_many(failed: int, hosts: int, share: float) -> bool:
    """Whether more hosts failed than the share allows, and enough to be more than bad luck."""
    return failed >= FEWEST and failed > share * hosts
