"""The scripts of verify: the probe at the last trip, the trip itself, the doctor's questions."""

from __future__ import annotations

from dataclasses import dataclass

from anchorline.fleet.scripts import Script


@dataclass(frozen=True, kw_only=True)
class StampProbe(Script):
    """The stamp of the last trip that a client passed."""

    state: str
    sources = ("verify/probe.sh",)


@dataclass(frozen=True, kw_only=True)
class RoundTrip(Script):
    """Push where it is asked to, then pull, compare and remove, with each of ``runtimes``."""

    state: str
    runtimes: tuple[str, ...]
    reference: str
    endpoint: str
    leaf: str
    scheme: str
    tag: str
    push: bool
    delete: bool
    pushed: str
    certs: str
    patience: int
    stamp: str
    sources = ("fleet/shell/clock.sh", "fleet/shell/tls.sh", "verify/round_trip.sh")


@dataclass(frozen=True, kw_only=True)
class DoctorProbe(Script):
    """What a host sees of the registry, and who is kept from a file of ours.

    ``container``, ``folder`` and ``data`` are the registry's where it is this host's, ``name``, ``host`` (in brackets
    where it is an IPv6 address) and ``port`` where there is one.
    """

    guarded: tuple[str, ...]
    container: str
    folder: str
    data: str
    name: str
    host: str
    port: str
    sources = ("fleet/shell/words.sh", "fleet/shell/pem.sh", "verify/access.sh", "verify/doctor.sh")
