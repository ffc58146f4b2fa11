"""The report's own part in the probe: the space that is left on a host's disks, and what the registry holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from anchorline.fleet import Fleet, Host, Probe, Question, Script, state_folder, words
from anchorline.fleet.probe import number
from anchorline.registry.probe import container

ENOUGH = 1024
"""KiB without which an update of the system's store fails in its middle: a bundle is a quarter of that."""


@dataclass(frozen=True, kw_only=True)
class SpaceProbe(Script):
    """The space left in ``places``, and what the registry holds where it is this host's (else both are empty)."""

    places: tuple[str, ...]
    container: str
    data: str
    sources = ("fleet/shell/words.sh", "fleet/shell/space.sh", "report/probe.sh")


@dataclass(frozen=True)
class ObservedSpace:
    """What one host said. ``left`` is what is left for each place, in KiB; the rest is the registry's, where it is
    here: its program's version, KiB that the images take, how many repositories and tags there are."""

    left: Mapping[str, int] = field(default_factory=dict)
    version: str = ""
    used: int | None = None
    repositories: int | None = None
    tags: int | None = None


def read(lines: Sequence[str]) -> ObservedSpace:
    """Read what probe.sh printed; what isn't a number couldn't be told."""
    space: dict[str, int] = {}
    every = words.read(lines)
    for left, place in every.pop("left", ()):
        kib = number(left)
        space |= {} if kib is None else {place: kib}
    said = {kind: words.first(found) for kind, found in every.items()}
    used, repositories, tags = (number(said.get(word, "")) for word in ("used", "repositories", "tags"))
    return ObservedSpace(space, said.get("version", ""), used, repositories, tags)


def _ask(fleet: Fleet, here: Host) -> Question:
    served = container(fleet)
    ours = served if served and fleet.runs_registry(here) else None
    return Question(
        SpaceProbe(
            places=("/etc", state_folder(fleet.spec.site)),
            container=ours.name if ours else "",
            data=ours.writable if ours else "",
        ).text
    )


PROBE = Probe("report", _ask, lambda _, lines: read(lines))
