"""One run of pyinfra over the fleet: its hosts as ours, the gate between operations, and errors as it wants them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import pyinfra
from pyinfra import logger
from pyinfra.api import FunctionCommand, State
from pyinfra.api import Host as PyinfraHost
from pyinfra.api import deploy as pyinfra_deploy
from pyinfra.api import operation as pyinfra_operation
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operation import PyinfraOperation
from pyinfra.api.state import BaseStateCallback

from anchorline.characters import visible_lines
from anchorline.commands import INVENTORY, SPEC
from anchorline.errors import AnchorlineError
from anchorline.fleet import machines
from anchorline.fleet.contain import contained
from anchorline.fleet.fleet import Fleet, Host
from anchorline.fleet.steps import Step
from anchorline.problem import Problem

MOST_REASONS = 20
"""Reasons against a plan that are told; who reads more begins with the first."""
P = ParamSpec("P")
_ABOUT_THE_RUN = (AnchorlineError, PyinfraError)
T = TypeVar("T")


class RunError(PyinfraError):
    """An error of ours as pyinfra wants it: it ends the run for every host, as a message without a traceback."""


def hide_our_line() -> None:
    """pyinfra would show the line of ours that raised a RunError. Called while that is on its way."""
    error = sys.exc_info()[1]
    if isinstance(getattr(error, "exception", None), RunError):
        error.traceback = None  # type: ignore[union-attr]  # click's type doesn't know pyinfra's attribute


@contextmanager
def _as_run_error() -> Iterator[None]:
    try:
        yield
    except AnchorlineError as error:
        raise RunError(str(error)) from error


@dataclass
class Run:
    """A run, and what it has learned of the fleet. One for each pyinfra State: ``Run.of(host)`` finds or begins it.

    ``probed`` are the hosts for which the probe is declared, ``issuing`` those for which the write of ``pki/`` is;
    ``workers`` who does what is done once for the fleet. ``executing``: the probe itself has begun. ``broken`` is what
    ended it for every host.
    """

    state: State
    fleet: Fleet
    probed: set[str] = field(default_factory=set)
    issuing: set[str] = field(default_factory=set)
    workers: dict[object, str] = field(default_factory=dict)
    executing: bool = False
    preflighted: bool = False
    broken: AnchorlineError | None = None

    @staticmethod
    def of(host: PyinfraHost) -> Run:
        """The run that this host is in. Raises RunError where hosts disagree about the spec."""
        state = host.state
        file = Path(state.cwd or ".", str(host.data.get("spec", SPEC)))
        run = _RUNS.get(state)
        if run is None:
            run = _RUNS[state] = Run(
                state, Fleet(file, _hosts(state), _command_line["inventory"], ca=host.data.get("ca"))
            )
            state.add_callback_handler(Gate())  # type: ignore[no-untyped-call]
        elif run.fleet.file != file:
            raise RunError(f"{host.name} has the spec {file}, other hosts {run.fleet.file}: one run takes one spec")
        return run

    @staticmethod
    def here() -> tuple[Run, Host]:
        """The run and the host of the step that is being declared or carried out."""
        this = pyinfra.host
        run = Run.of(this.state.inventory.get_host(this.name))
        return run, run.fleet.hosts[this.name]

    @staticmethod
    def known(state: State) -> Run | None:
        """The run of a state, where one has begun."""
        return _RUNS.get(state)

    def host(self, name: str) -> PyinfraHost:
        """pyinfra's own of a host."""
        found: PyinfraHost = self.state.inventory.get_host(name)
        return found

    @property
    def probed_all(self) -> bool:
        """Whether every host that can answer has been probed."""
        fleet, inventory = self.fleet, self.state.inventory
        if len(fleet.observations) + len(fleet.failures) < inventory.len_active_hosts():
            return False  # each host asks this, and thousands shouldn't go over thousands
        active = inventory.get_active_hosts()
        return all(host.name in fleet.observations or host.name in fleet.failures for host in active)

    def preflight(self) -> None:
        """Refuse the plan, which all observations together make, where it would hurt. Raises AnchorlineError with
        every reason against it."""
        fleet = self.fleet
        problems = [machines.problem(names) for names in machines.duplicates(fleet.machines)]
        for probe in fleet.probes.values():
            problems += contained(lambda: [*probe.preflight(fleet)], lambda problem: [problem])  # noqa: B023 (called here)
        if more := problems[MOST_REASONS:]:
            problems[MOST_REASONS:] = [Problem(f"{len(more):,} more reasons", "`anchorline status` has each host's")]
        if problems:
            raise AnchorlineError.of(problems, "refused, and nothing was changed:")


def _hosts(state: State) -> dict[str, Host]:
    connected = {host.name for host in state.activated_hosts}
    return {
        host.name: Host(host.name, tuple(host.groups), state.is_host_in_limit(host), host.name in connected)
        for host in state.inventory
    }


class Gate(BaseStateCallback):
    """Stands between the operations, where pyinfra waits for all hosts: the one place from which a run can be ended
    for the whole fleet alike. An exception within an operation would come from one host, in the middle of others.
    """

    @staticmethod
    def operation_start(state: State, op_hash: str) -> None:
        """Let an operation begin, or raise RunError: the preflight is once, the limits are before each."""
        run = _RUNS[state]
        with _as_run_error():
            if run.broken:
                raise run.broken
            if not run.executing or not run.probed_all:
                return
            if not run.preflighted:
                run.preflight()
                run.preflighted = True
            names = ", ".join(state.get_op_meta(op_hash).names)
            run.fleet.require_few_failures(names, (host.name for host in state.failed_hosts))


def step(name: str) -> Callable[[Callable[P, None]], PyinfraOperation[P]]:
    """A step of a deployment, as pyinfra's ``deploy``; an error of ours ends the run as a message."""

    def decorated(declare: Callable[P, None]) -> PyinfraOperation[P]:
        @wraps(declare)
        def declared(*args: P.args, **kwargs: P.kwargs) -> None:
            with _as_run_error():
                declare(*args, **kwargs)

        return pyinfra_deploy(name)(declared)

    return decorated


def operation(carry_out: Callable[P, Generator[T, None, None]]) -> PyinfraOperation[P]:
    """An operation of pyinfra's; an error of ours ends the run as a message. What a host's words raise fails it."""

    @wraps(carry_out)
    def carried_out(*args: P.args, **kwargs: P.kwargs) -> Generator[T | FunctionCommand, None, None]:
        commands = carry_out(*args, **kwargs)
        with _as_run_error():
            while (command := contained(lambda: next(commands, None), _failed_here, _ABOUT_THE_RUN)) is not None:
                yield command

    return pyinfra_operation()(carried_out)


def _failed_here(problem: Problem) -> FunctionCommand:
    run, here = Run.here()
    run.fleet.fail(here, Step.PROBE, problem)
    return failing(problem)


def failing(problem: Problem) -> FunctionCommand:
    """A command that fails its host, and says why beside the host's name."""

    def fail(state: State, host: PyinfraHost) -> bool:  # noqa: ARG001 (pyinfra heeds a result only with this signature)
        say(host, str(problem))
        return False

    return FunctionCommand(fail, (), {})


def say(host: PyinfraHost, text: str) -> None:
    """A line about a host on standard error, or the few lines of an error of ours."""
    logger.error(f"{host.print_prefix}{visible_lines(text)}")


def is_about(inventory: str) -> None:
    """Keep how the command line names the inventory: pyinfra's State doesn't know, and next steps repeat it."""
    _command_line["inventory"] = inventory


_command_line = {"inventory": INVENTORY}
_RUNS: WeakKeyDictionary[State, Run] = WeakKeyDictionary()
