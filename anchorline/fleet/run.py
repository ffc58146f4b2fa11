"""One run of pyinfra over the fleet, and what it has learned so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pyinfra.api import Host, State
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import BaseStateCallback

from anchorline.commands import INVENTORY, SPEC, pyinfra
from anchorline.errors import AnchorlineError
from anchorline.fleet import machines
from anchorline.fleet.limits import too_many
from anchorline.fleet.probe import Observation, Probe
from anchorline.fleet.steps import Step
from anchorline.problem import Problem, problem_of
from anchorline.spec import Spec, load

T = TypeVar("T")
REGISTRY, CLIENTS = "registry", "clients"


class RunError(PyinfraError):
    """An error of ours as pyinfra wants it: it ends the run for every host, as a message without a traceback."""


@dataclass(frozen=True)
class Failure:
    """Why a host failed, and at which step."""

    step: Step
    problem: Problem


@dataclass
class Run:
    """What is known of the fleet in this run. One for each pyinfra State: ``Run.of(host)`` finds or begins it.

    ``blocked_by`` is why the gate of a rotation didn't open. ``promoted`` is the authority after it did.
    ``inventory`` is how it was typed. ``clocks`` is how far each host's is ahead of this machine's, in seconds.
    ``machines`` is what tells the machine of each from every other.
    """

    state: State
    file: Path
    inventory: str = INVENTORY
    probes: dict[str, Probe] = field(default_factory=dict)
    gathered: set[str] = field(default_factory=set)
    gathering: bool = False
    issuing: set[str] = field(default_factory=set)
    observations: dict[str, Observation] = field(default_factory=dict)
    clocks: dict[str, float] = field(default_factory=dict)
    machines: dict[str, str] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    changes: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    verified: dict[str, str] = field(default_factory=dict)
    broken: AnchorlineError | None = None
    blocked_by: list[Problem] = field(default_factory=list)
    promoted: Any = None
    preflighted: bool = False
    _once: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(host: Host) -> Run:
        """The run that this host is in. Raises RunError where hosts disagree about the spec."""
        state = host.state
        file = Path(state.cwd or ".", str(host.data.get("spec", SPEC)))
        run = _RUNS.get(state)
        if run is None:
            run = _RUNS[state] = Run(state, file, _command_line["inventory"])
            state.add_callback_handler(Gate())  # type: ignore[no-untyped-call]
        elif run.file != file:
            raise RunError(f"{host.name} has the spec {file}, other hosts {run.file}: one run takes one spec")
        return run

    @staticmethod
    def known(state: State) -> Run | None:
        """The run of a state, where one has begun."""
        return _RUNS.get(state)

    def once(self, what: str, make: Callable[[], T]) -> T:
        """Make something once for the whole fleet. An error of ours is kept as well, and raised as RunError."""
        if what not in self._once:
            try:
                self._once[what] = make()
            except AnchorlineError as error:
                self._once[what] = error
        made: T | AnchorlineError = self._once[what]
        if isinstance(made, AnchorlineError):
            raise RunError(str(made)) from made
        return made

    @property
    def spec(self) -> Spec:
        """The site's spec. Raises RunError with every problem that it has."""
        return self.once("spec", lambda: load(self.file))

    def command(self, what: str, host: str = "") -> str:
        """pyinfra's command for this run's fleet and spec, as ``commands.pyinfra`` has it."""
        return pyinfra(what, self.file, host=host, inventory=self.inventory)

    def group(self, name: str) -> list[Host]:
        """The hosts of an inventory group, without those that --limit leaves out."""
        return [host for host in self.state.inventory if name in host.groups and self.state.is_host_in_limit(host)]

    @property
    def registry_host(self) -> Host:
        """The one host that runs the registry. Raises RunError where the inventory has none, or two."""
        every = self.state.inventory
        hosts = self.once("the registry's hosts", lambda: [host for host in every if REGISTRY in host.groups])
        if len(hosts) == 1:
            return hosts[0]
        names = ", ".join(host.name for host in hosts) or "no host"
        raise RunError(
            f"{self.file}: the spec has a registry, and the inventory's group `{REGISTRY}` has {names}: "
            f"put the one host that runs it there, or leave `registry` out of the spec for trust alone"
        )

    def reached(self, host: Host) -> bool:
        """Whether the host was looked at, and has not failed since."""
        return host.name in self.observations and host.name not in self.failures

    def begin_with(self, host: Host) -> None:
        """Forget what was learned of a host: it is about to be looked at, perhaps for the second time in a run."""
        for memory in (self.observations, self.failures, self.changes, self.notes, self.verified):
            memory.pop(host.name, None)

    def fail(self, host: Host, step: Step, problem: Problem | str) -> None:
        """Note why a host failed. The first problem stays: what follows is its consequence."""
        self.failures.setdefault(host.name, Failure(step, problem_of(problem)))

    def note(self, host: Host, text: str) -> None:
        """Note something that the summary should say of a host."""
        notes = self.notes.setdefault(host.name, [])
        if text not in notes:
            notes.append(text)

    def changed(self, host: Host, what: str) -> None:
        """Note what was changed on a host, or would be."""
        self.changes.setdefault(host.name, []).append(what)

    @property
    def gathered_all(self) -> bool:
        """Whether every host that can answer has been looked at."""
        inventory = self.state.inventory
        if len(self.observations) + len(self.failures) < inventory.len_active_hosts():
            return False  # each host asks this, and thousands shouldn't go over thousands
        active = inventory.get_active_hosts()
        return all(host.name in self.observations or host.name in self.failures for host in active)

    def preflight(self) -> None:
        """Judge the plan, which all observations together make. Raises RunError with every reason against it."""
        reasons: list[Problem | str] = [machines.problem(names) for names in machines.duplicates(self.machines)]
        reasons += [reason for room in self.probes.values() for reason in room.preflight(self)]
        if reasons:
            lines = "".join(f"\n  - {reason}" for reason in reasons)
            raise RunError(f"refused, and nothing was changed:{lines}")

    def count(self, step: str) -> None:
        """Stop where more hosts have failed than the limits allow. Raises RunError."""
        hosts = [host for host in self.state.inventory if self.state.is_host_in_limit(host)]
        failed = {host.name for host in self.state.failed_hosts} | set(self.failures)
        if too_many(len(failed), len(hosts), self.spec.limits.failed):
            raise RunError(
                f"stopped before `{step}`: {len(failed)} of {len(hosts)} hosts failed, "
                f"and `limits: {{failed: {self.spec.limits.failed:.0%}}}` allows no more"
            )


class Gate(BaseStateCallback):
    """Stands between the operations, where pyinfra waits for all hosts: the one place from which a run can be ended
    for the whole fleet alike. An exception within an operation would come from one host, in the middle of others.
    """

    @staticmethod
    def operation_start(state: State, op_hash: str) -> None:
        """Let an operation begin, or raise RunError: the plan is judged once, the limits are before each."""
        run = _RUNS[state]
        if run.broken:
            raise RunError(str(run.broken)) from run.broken
        if not run.gathering or not run.gathered_all:
            return
        if not run.preflighted:
            run.preflight()
            run.preflighted = True
        run.count(", ".join(state.get_op_meta(op_hash).names))


def is_about(inventory: str) -> None:
    """Keep how the command line names the inventory: pyinfra's State doesn't know, and next steps repeat it."""
    _command_line["inventory"] = inventory


_command_line = {"inventory": INVENTORY}
_RUNS: WeakKeyDictionary[State, Run] = WeakKeyDictionary()
