"""The whole fleet in one run, as far as it is known: hosts, what they said, who failed. Pure: no pyinfra.

A run of pyinfra fills it (``run.py``); what is judged from it could come from anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Generic, Protocol, TypeVar, cast

from anchorline.characters import some, told
from anchorline.commands import INVENTORY, pyinfra, without
from anchorline.errors import AnchorlineError
from anchorline.fleet.limits import too_many
from anchorline.fleet.steps import Step
from anchorline.problem import Problem
from anchorline.spec import Spec, load

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
MOST_NOTES = 100
"""Notes of one host."""
REGISTRY, CLIENTS = "registry", "clients"


class Purpose(StrEnum):
    """What a run is for. Only a deploy makes what is missing in ``pki/``; status and the doctor need no key."""

    DEPLOY = "deploy"
    STATUS = "status"
    DOCTOR = "doctor"


@dataclass(frozen=True)
class Host:
    """One host of the inventory. ``in_limit``: the run is for it; ``connected``: it could be reached."""

    name: str
    groups: tuple[str, ...] = ()
    in_limit: bool = True
    connected: bool = True


@dataclass(frozen=True)
class HostChange:
    """What was changed on a host, or would be, and at which step."""

    step: Step
    what: str


@dataclass(frozen=True)
class Failure:
    """Why a host failed, and at which step."""

    step: Step
    problem: Problem


class Observer(Protocol[T_co]):
    """What a fleet knows a probe by: its name, what it reads, and why it would have nothing changed. ``probe.py`` has
    it whole."""

    @property
    def name(self) -> str:
        """What its observations are kept by."""

    @property
    def read(self) -> Callable[[Fleet, Sequence[str]], T_co]:
        """From what a host printed to its own type."""

    @property
    def preflight(self) -> Callable[[Fleet], Iterable[Problem]]:
        """The problems for which nothing may be changed."""


@dataclass
class Fleet:
    """What is known of the fleet in one run.

    ``hosts`` are all of the inventory, by name and in its order; ``inventory`` is how it was typed, ``ca`` what
    ``--data ca=`` says. ``clocks`` is how far each host's is ahead of this machine's, in seconds; ``machines`` what
    tells the machine of each from every other. ``blocked_by`` is why the gate of a rotation didn't open. ``changes``,
    ``notes`` and ``verified`` are what is said of a host at the end.
    """

    file: Path
    hosts: Mapping[str, Host]
    inventory: str = INVENTORY
    purpose: Purpose = Purpose.DEPLOY
    ca: object = None
    probes: dict[str, Observer[object]] = field(default_factory=dict)
    observations: dict[str, dict[str, object]] = field(default_factory=dict)
    clocks: dict[str, float] = field(default_factory=dict)
    machines: dict[str, str] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    changes: dict[str, list[HostChange]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    verified: dict[str, str] = field(default_factory=dict)
    blocked_by: list[Problem] = field(default_factory=list)
    kept: dict[object, object] = field(default_factory=dict, repr=False)

    @property
    def spec(self) -> Spec:
        """The site's spec. Raises SpecError with every problem that it has."""
        return _spec(self)

    def command(self, what: str, host: str = "") -> str:
        """pyinfra's command for this fleet and spec, as ``commands.pyinfra`` has it."""
        return pyinfra(what, self.file, host=host, inventory=self.inventory)

    @property
    def registry_hosts(self) -> tuple[Host, ...]:
        """The hosts that run the registry: one, today. Raises AnchorlineError where the inventory has none, or two."""
        return _registry_hosts(self)

    def runs_registry(self, host: Host) -> bool:
        """Whether this host runs the registry. Raises what ``registry_hosts`` raises."""
        return any(each.name == host.name for each in self.registry_hosts)

    def seen(self, probe: Observer[T], host: Host) -> T:
        """What a probe saw of a host. Raises KeyError where the host wasn't probed, or not with this probe."""
        return cast(T, self.observations[host.name][probe.name])

    def saw(self, probe: Observer[T]) -> Mapping[str, T]:
        """What a probe saw, by the host's name."""
        return {name: cast(T, said[probe.name]) for name, said in self.observations.items() if probe.name in said}

    def has_seen(self, probe: Observer[object], host: Host) -> bool:
        """Whether a host was probed with this probe."""
        return probe.name in self.observations.get(host.name, ())

    def reached(self, host: Host) -> bool:
        """Whether the host was probed, and has not failed since."""
        return host.name in self.observations and host.name not in self.failures

    def begin_with(self, host: Host) -> None:
        """Forget what was learned of a host: it is about to be probed, perhaps for the second time in a run."""
        for memory in (self.observations, self.failures, self.changes, self.notes, self.verified):
            memory.pop(host.name, None)

    def fail(self, host: Host, step: Step, problem: Problem) -> None:
        """Note why a host failed. The first cause stays: what follows is its consequence."""
        self.failures.setdefault(host.name, Failure(step, problem))

    def note(self, host: Host, text: str) -> None:
        """Note something that the summary should say of a host. Of a host that has too much to say, the first of it."""
        notes, text = self.notes.setdefault(host.name, []), told(text)
        if len(notes) < MOST_NOTES and text not in notes:
            notes.append(text if len(notes) < MOST_NOTES - 1 else "and more")

    def changed(self, host: Host, step: Step, what: str) -> None:
        """Note what was changed on a host, or would be."""
        self.changes.setdefault(host.name, []).append(HostChange(step, told(what)))

    def require_few_failures(self, step: str, failed: Iterable[str]) -> None:
        """Raise AnchorlineError where more hosts have failed than the limits allow. ``failed``: by pyinfra's count."""
        hosts = [host for host in self.hosts.values() if host.in_limit]
        every = {*failed, *self.failures}
        share = self.spec.limits.failed
        if too_many(len(every), len(hosts), share):
            raise AnchorlineError(
                f"stopped before `{step}`: {len(every)} of {len(hosts)} hosts failed, "
                f"and `limits: {{failed: {share:.0%}}}` allows no more; they are {some(every)}",
                f"look at what each says; or go on without them, {without(every)}",
            )


class Kept(Generic[T]):
    """A value that one step of a run leaves for the steps after it, such as the authority after a promotion."""

    def of(self, fleet: Fleet) -> T | None:
        """The value, where a step has left one."""
        return cast("T | None", fleet.kept.get(self))

    def keep(self, fleet: Fleet, value: T) -> None:
        """Leave it."""
        fleet.kept[self] = value


def once(make: Callable[[Fleet], T]) -> Callable[[Fleet], T]:
    """Make a value once for the whole fleet. An error of ours is kept as well, and raised again."""

    @wraps(make)
    def of(fleet: Fleet) -> T:
        if of not in fleet.kept:
            try:
                fleet.kept[of] = make(fleet)
            except AnchorlineError as error:
                fleet.kept[of] = error
        made = fleet.kept[of]
        if isinstance(made, AnchorlineError):
            raise made
        return cast(T, made)

    return of


@once
def _spec(fleet: Fleet) -> Spec:
    return load(fleet.file)


@once
def _registry_hosts(fleet: Fleet) -> tuple[Host, ...]:
    hosts = tuple(host for host in fleet.hosts.values() if REGISTRY in host.groups)
    if len(hosts) == 1:
        return hosts
    names = ", ".join(host.name for host in hosts) or "no host"
    raise AnchorlineError(
        f"{fleet.file}: the spec has a registry, and the inventory's group `{REGISTRY}` has {names}",
        "put the one host that runs it there, or leave `registry` out of the spec for trust alone",
    )
