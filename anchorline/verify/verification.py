"""The round trip: what a client has verified, who pushes, and what the trip printed. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from anchorline.registry.desired import Instance
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust

REPOSITORY = "anchorline/verify"
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
"""What one host pushed goes into the other hosts' commands."""


@dataclass(frozen=True)
class Verification:
    """One thing that a client tried: with which runtime, what, how long it took, and why it failed if it did."""

    runtime: str
    what: str
    ok: bool
    milliseconds: int
    cause: str = ""


def read(lines: Sequence[str]) -> tuple[list[Verification], str]:
    """The verifications of a trip, and the digest of what was pushed or pulled."""
    verified, digest = [], ""
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "digest" and _DIGEST.fullmatch(rest):
            digest = rest
        elif word == "verification":
            runtime, what, ok, milliseconds, *cause = rest.split(" ", 4)
            verified.append(Verification(runtime, what, ok == "ok", int(milliseconds), "".join(cause)))
    return verified, digest


def message(verified: Sequence[Verification]) -> str:
    """What a host has verified, for the summary: ``docker pushed, pulled; curl pulled (0.4 s)``."""
    by_runtime: dict[str, list[str]] = {}
    for verification in verified:
        by_runtime.setdefault(verification.runtime, []).append(verification.what)
    words = "; ".join(f"{runtime} {', '.join(what)}" for runtime, what in by_runtime.items())
    return f"{words} ({sum(verification.milliseconds for verification in verified) / 1000:.1f} s)"


def tag(words: str) -> str:
    """The words as a tag (OCI distribution-spec: at most 128 characters of a few kinds)."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in words)[:128]


def means(wanted: DesiredTrust, container: Instance, trust: ObservedTrust) -> tuple[str, ...]:
    """What a host can verify with: those of its runtimes whose stores are kept, and curl where the system's is. A local
    registry is plain HTTP, which Docker and curl take on the loopback interface."""
    kept = {*wanted.stores, *(("curl",) if "system" in wanted.stores else ())} if container.tls else {"docker", "curl"}
    return tuple(each for each in (*trust.runtimes, "curl") if each in kept & trust.tools)


def stamp(wanted: DesiredTrust, container: Instance, leaf: str, trust: ObservedTrust) -> str:
    """What a client that passed keeps. Another anchor, name, certificate, registry or runtime makes it differ, and
    the trip is made again."""
    parts = [
        sorted(wanted.own),
        str(container.address),
        wanted.names,
        container.digest,
        container.configured,
        leaf,
        means(wanted, container, trust),
    ]
    return sha256(json.dumps(parts).encode()).hexdigest()
