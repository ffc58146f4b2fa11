"""What one host said to the doctor. Pure: no host, no disk."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from anchorline.fleet.probe import number
from anchorline.verify import access
from anchorline.verify.access import Denied


@dataclass(frozen=True)
class ObservedClient:
    """What one host said to access.sh and doctor.sh. ``proxies``: a unit, or ``-`` for who logs in, with its proxy and
    no_proxy. ``down``: a daemon that
    doesn't answer, and what its own client says of it. ``denied``: who is kept from what they must read."""

    clock: datetime
    addresses: tuple[str, ...] = ()
    reachability: str = ""
    served: tuple[x509.Certificate, ...] = ()
    rules: tuple[str, ...] = ()
    proxies: tuple[tuple[str, str, str], ...] = ()
    down: tuple[tuple[str, str], ...] = ()
    curl: int = 0
    denied: tuple[Denied, ...] = ()


def read(lines: Sequence[str]) -> ObservedClient:
    """Read what doctor.sh printed. Raises ValueError for what it can't have printed."""
    said: dict[str, list[str]] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        said.setdefault(word, []).append(rest)
    clock = number(said["clock"][0]) if "clock" in said else None
    if clock is None:
        raise ValueError("the host's answer says nothing of its clock")
    proxies = [line.split(" ", 2) for line in said.get("proxy", ())]
    return ObservedClient(
        clock=datetime.fromtimestamp(clock, UTC),
        addresses=tuple(said.get("address", ())),
        reachability="".join(said.get("reachability", ())[:1]),
        served=tuple(x509.load_der_x509_certificate(base64.b64decode(body)) for body in said.get("served", ())),
        rules=tuple(said.get("rule", ())),
        proxies=tuple((unit, "" if url == "-" else url, "" if no == "-" else no) for unit, url, no in proxies),
        down=tuple((unit, words) for unit, _, words in (line.partition(" ") for line in said.get("down", ()))),
        curl=number(said.get("curl", ["0"])[0]) or 0,
        denied=access.read(said.get("denied", ()), said.get("label", ()), "".join(said.get("reader", ())[:1])),
    )
