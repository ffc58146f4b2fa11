"""Who has been seen to trust the next CA: ``sightings.jsonl``, a line for each host and CA; and the gate."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime

from anchorline.authority.layout import LEDGER
from anchorline.authority.store import Store
from anchorline.characters import FEW, shortened, told
from anchorline.problem import LONGEST_CAUSE
from anchorline.spec.model import Rotation
from anchorline.spec.values import format_duration

_LONGEST_WHY = 250
"""Characters for each host where a few are told of in one sentence."""


@dataclass(frozen=True)
class Sighting:
    """That a host was ``seen`` to trust a CA (ISO 8601, or nothing: it never was), and ``why`` it wasn't the last time
    that it was looked for."""

    host: str
    sha256: str
    seen: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "why", told(self.why, LONGEST_CAUSE))

    def counts(self, rotation: Rotation, now: datetime) -> bool:
        """Whether it is young enough for the gate."""
        return bool(self.seen) and now - datetime.fromisoformat(self.seen) <= rotation.sighting


def read(store: Store, digest: str) -> dict[str, Sighting]:
    """The sightings of one CA by host. A damaged line is no sighting."""
    return {each.host: each for each in _every(store) if each.sha256 == digest}


def _every(store: Store) -> Iterable[Sighting]:
    for line in store.read_text(LEDGER).splitlines():
        with suppress(ValueError, TypeError, RecursionError):
            sighting = Sighting(**json.loads(line))
            if not all(isinstance(each, str) for each in asdict(sighting).values()):
                continue
            if not sighting.seen or datetime.fromisoformat(sighting.seen).tzinfo:
                yield sighting


def news(
    old: Mapping[str, Sighting], hosts: Mapping[str, str], digest: str, rotation: Rotation, now: datetime
) -> list[Sighting]:
    """What is to be noted: ``hosts`` has each host's reason why it wasn't seen, or nothing where it was.

    A sighting that is still young isn't written again, so that a run with nothing to do writes nothing.
    """
    noted = []
    for host, why in hosts.items():
        last = old.get(host, Sighting(host, digest))
        stale = not last.seen or now - datetime.fromisoformat(last.seen) > rotation.sighting / 4
        if (why and why != last.why) or (not why and (stale or last.why)):
            noted.append(Sighting(host, digest, last.seen if why else now.isoformat(timespec="seconds"), why))
    return noted


def write(store: Store, noted: Iterable[Sighting]) -> None:
    """Put sightings into the ledger, each in its line's place. Raises StoreError."""
    lines = {(each.host, each.sha256): each for each in (*_every(store), *noted)}
    text = "".join(json.dumps(asdict(each)) + "\n" for _, each in sorted(lines.items()))
    store.commit({LEDGER: text.encode()}, None)


def missing(old: Mapping[str, Sighting], hosts: Mapping[str, str], rotation: Rotation, now: datetime) -> dict[str, str]:
    """The hosts for which the gate waits, each with why. ``hosts`` as for ``news``."""
    waited = {}
    for host, why in hosts.items():
        last = old.get(host)
        if not why or host in rotation.without or (last and last.counts(rotation, now)):
            continue
        before = (
            f"; seen last on {last.seen[:10]}, more than {format_duration(rotation.sighting)} ago"
            if last and last.seen
            else ""
        )
        waited[host] = why + before
    return waited


def reasons(missing: Mapping[str, str]) -> str:
    """Why a gate waits for a few of the hosts, and for how many more."""
    few = [f"{each}: {shortened(why, _LONGEST_WHY)}" for each, why in sorted(missing.items())[:FEW]]
    return "; ".join([*few, *([f"and {len(missing) - FEW:,} more"] if len(missing) > FEW else [])])


def waived(missing: Iterable[str]) -> str:
    """What has the gate wait no longer, with the hosts as the spec takes them."""
    every = sorted(missing)
    names = ", ".join(map(json.dumps, every)) if len(every) <= FEW else "HOST, ..."
    return f"for what is gone, or doesn't come to it: `rotation: {{without: [{names}]}}` in the spec"
