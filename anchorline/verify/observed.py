"""What one host said to the doctor. Pure: no host, no disk."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from anchorline.fleet import words
from anchorline.fleet.probe import number
from anchorline.problem import ProblemError
from anchorline.verify import access
from anchorline.verify.access import Denied

LATEST = 253402300799
"""The end of the year 9999, beyond which no clock here counts."""


@dataclass(frozen=True)
class ObservedClient:
    """What one host said to access.sh and doctor.sh. ``proxies``: a unit, or ``-`` for who logs in, with its proxy and
    no_proxy. ``down``: a daemon that
    doesn't answer, and what its own client says of it. ``rules`` of a firewall: family, table, chain, handle.
    ``denied``: who is kept from what they must read."""

    clock: datetime
    addresses: tuple[str, ...] = ()
    reachability: str = ""
    served: tuple[x509.Certificate, ...] = ()
    rules: tuple[tuple[str, str, str, str], ...] = ()
    proxies: tuple[tuple[str, str, str], ...] = ()
    down: tuple[tuple[str, str], ...] = ()
    curl: int = 0
    denied: tuple[Denied, ...] = ()


def read(lines: Sequence[str]) -> ObservedClient:
    """Read what doctor.sh printed. Raises ValueError for what it can't have printed."""
    said = words.read(lines)
    clock = number(words.first(said.get("clock")))
    if clock is None:
        raise ProblemError("the host's answer says nothing of its clock")
    served = [_certificate(body) for (body,) in said.get("served", ())]
    proxies = [(unit, url, " ".join(no)) for unit, url, *no in said.get("proxy", ())]
    return ObservedClient(
        clock=datetime.fromtimestamp(min(clock, LATEST), UTC),
        addresses=tuple(address for (address,) in said.get("address", ())),
        reachability="odd" if served and None in served[:1] else words.first(said.get("reachability")),
        served=tuple(each for each in served if each),
        rules=tuple((family, table, chain, handle) for family, table, chain, handle in said.get("rule", ())),
        proxies=tuple((unit, "" if url == "-" else url, "" if no == "-" else no) for unit, url, no in proxies),
        down=tuple((unit, " ".join(why)) for unit, *why in said.get("down", ())),
        curl=number(words.first(said.get("curl"))) or 0,
        denied=access.read(said.get("denied", ()), said.get("label", ()), words.first(said.get("reader"))),
    )


def _certificate(body: str) -> x509.Certificate | None:
    """A certificate that was served; nothing for what is none."""
    try:
        return x509.load_der_x509_certificate(base64.b64decode(body))
    except ValueError:
        return None
