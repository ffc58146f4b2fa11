"""The steps of a run, as their failures and findings name them."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """One step. The word is what people read before a host's cause."""

    PROBE = "probe"
    AUTHORITY = "authority"
    TRUST = "trust"
    ROTATION = "rotation"
    REGISTRY = "registry"
    VERIFY = "verify"
    WITHDRAW = "withdraw"
    DOCTOR = "doctor"
    PYINFRA = "pyinfra"
    """pyinfra's own, which says no cause to us."""
