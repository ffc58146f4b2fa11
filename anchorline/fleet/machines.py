"""Machines that an inventory has twice: two names whose answers come from one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from anchorline.characters import FEW, some
from anchorline.commands import without
from anchorline.fleet.scripts import Script
from anchorline.problem import Problem


@dataclass(frozen=True, kw_only=True)
class MachineProbe(Script):
    """What tells a machine or a container from every other."""

    sources = ("fleet/shell/machine.sh",)


def read(lines: list[str]) -> str:
    """What the probe printed, as one word; nothing where the host couldn't say all of it."""
    return " ".join(lines) if len(lines) == 3 else ""


def duplicates(machines: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """The names that stand for one machine, for each machine that has several. ``machines``: a host's name and what
    tells its machine."""
    alike: dict[str, list[str]] = {}
    for name, machine in sorted(machines.items()):
        if machine:
            alike.setdefault(machine, []).append(name)
    yield from (tuple(names) for names in alike.values() if len(names) > 1)


def problem(names: tuple[str, ...]) -> Problem:
    """What is wrong with a machine of several names: the inventory, or one of them says what another one is."""
    return Problem(
        f"{' and '.join(names) if len(names) <= FEW else some(names)} are one machine",
        "leave one of the names in the inventory; if they are several machines, one says what another one is: go on "
        f"without it, {without(names[:1])} or another of the names",
    )
