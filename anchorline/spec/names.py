"""Does one name stand for another? Certificates, constraints and stores all ask."""

from __future__ import annotations

from anchorline.spec.model import NameConstraints
from anchorline.spec.values import Name


def covers(pattern: Name, name: Name) -> bool:
    """Whether a subject alternative name vouches for a name: a wildcard for exactly one label (RFC 6125 6.4.3),
    an address for itself."""
    if isinstance(pattern, str) and isinstance(name, str) and pattern.startswith("*."):
        return name == pattern or name.partition(".")[2] == pattern[2:]
    return pattern == name


def permitted(name: Name, constraints: NameConstraints) -> bool:
    """Whether a CA with these constraints may vouch for a name (RFC 5280 4.2.1.10).

    A DNS entry permits itself and everything below it, label by label. A kind without an entry is not constrained.
    """
    if isinstance(name, str):
        return not constraints.dns or any(name == each or name.endswith(f".{each}") for each in constraints.dns)
    return not constraints.ip or any(name in each for each in constraints.ip)


def is_loopback(name: Name) -> bool:
    """Whether a name means the host that asks (RFC 6761 6.3 for ``localhost``)."""
    if isinstance(name, str):
        return name == "localhost" or name.endswith(".localhost")
    return name.is_loopback
