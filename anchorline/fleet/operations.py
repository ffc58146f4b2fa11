"""The probe at a host, and how the steps change one."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import gevent
from pyinfra.api import FileUploadCommand, FunctionCommand, State
from pyinfra.api import Host as PyinfraHost
from pyinfra.api.arguments import ConnectorArguments

from anchorline.characters import told
from anchorline.errors import AnchorlineError
from anchorline.fleet import clock, machines
from anchorline.fleet.contain import contained
from anchorline.fleet.fleet import Fleet, Host
from anchorline.fleet.probe import Probe, Question
from anchorline.fleet.run import Run, failing, operation, say
from anchorline.fleet.ssh import PATIENCE, Answer, ask, patience
from anchorline.fleet.steps import Step
from anchorline.fleet.wire import CLOCK, MACHINE, begins, join, new_frame, split
from anchorline.problem import Problem

_EARLIER = 5
"""Seconds before control's own limit at which a host ends its look."""
SLOWEST = 100_000
"""Bytes a second, at least, of an upload."""
SAID = 100
"""Lines of what a failed script said, its last ones: a container's log is among them."""
Commands = Generator[FunctionCommand, None, None]


@operation
def gather(*, probes: Sequence[Probe[object]]) -> Commands:
    """Probe one host for all steps, in one exec.

    A host that can't be probed is unknown, not empty: it fails here, and no later step touches it.

    + probes: those to join
    """
    run, here = Run.here()
    run.executing = run.state.is_executing
    problem = probe_host(run, here, probes)
    if not run.state.is_executing and run.probed_all:
        run.preflight()  # the last of them to answer, before pyinfra asks whether to go on
    if problem:
        yield failing(problem)
    else:
        run.host(here.name).noop("probed")


def probe_host(run: Run, here: Host, probes: Sequence[Probe[object]]) -> Problem | None:
    """Ask a host with these probes, in one exec, and keep what it said. Returns why it couldn't be understood.

    What it said is never shown, not at -vvv either: there may be passwords in others' files that a probe prints.
    """
    fleet = run.fleet
    fleet.begin_with(here)
    fleet.probes.update({probe.name: probe for probe in probes})
    asked = [(probe, question) for probe in probes if (question := probe.ask(fleet, here))]
    frame, host = new_frame(), run.host(here.name)
    seconds = patience(host)
    script, data = join({probe.name: question for probe, question in asked}, frame, max(1, seconds - _EARLIER))
    answer = ask(host, script, stdin=data, timeout=seconds, quiet=True)
    problem = contained(lambda: _read(fleet, here, answer, frame, asked), lambda problem: problem)
    if problem:
        fleet.observations.pop(here.name, None)
        fleet.fail(here, Step.PROBE, problem)
    return problem


def _read(
    fleet: Fleet, here: Host, answer: Answer, frame: str, asked: Sequence[tuple[Probe[object], Question]]
) -> Problem | None:
    """Keep what a host said. Raises whatever its words make a reader raise."""
    try:
        said = split(answer.stdout, frame)
    except ValueError as error:
        before = tuple(takewhile(lambda line: not begins(line, frame), answer.stdout))
        broke_off = answer.ok and len(before) < len(answer.stdout) and not answer.stderr
        return Problem(str(error)) if broke_off else replace(answer, stdout=before).problem
    _read_clock(fleet, here, said)
    fleet.machines[here.name] = machines.read(said.get(MACHINE, []))
    fleet.observations[here.name] = {probe.name: probe.read(fleet, said[probe.name]) for probe, _ in asked}
    return None


def _read_clock(fleet: Fleet, here: Host, said: Mapping[str, Sequence[str]]) -> None:
    offset = clock.read(said.get(CLOCK, ()), time.time())
    if offset is not None:
        fleet.clocks[here.name] = offset
        if problem := clock.problem(offset):
            fleet.note(here, str(problem))


def changing(
    step: Step,
    script: str,
    *,
    stdin: str = "",
    timeout: int | None = None,
    then: Callable[[Answer], None] | None = None,
    fix: str = "",
) -> FunctionCommand:
    """A command that changes its host with one script; where that fails, its cause is kept for the summary.

    ``then`` gets the answer of a script that succeeded. ``fix`` is what to do about one that failed, where that isn't
    the doctor's to tell.
    """

    def change(state: State, host: PyinfraHost) -> bool:  # noqa: ARG001 (as above)
        answer = ask(host, script, stdin=stdin, timeout=timeout)
        if not answer.ok:
            for line in answer.stderr[-SAID:] or (answer.problem.cause,):
                say(host, told(line))
            return failed(host, step, replace(answer.problem, fix=fix))
        if then:
            return contained(lambda: then(answer) or True, lambda problem: failed(host, step, problem))
        return True

    return FunctionCommand(change, (), {})


class Uploading(FileUploadCommand):
    """A command that brings a file to its host. pyinfra has no limit for it: a host that takes nothing would hold the
    run for ever, and one that breaks off end it."""

    def __init__(self, step: Step, source: Path, target: str) -> None:
        super().__init__(str(source), target)
        self.step, self.seconds = step, PATIENCE + source.stat().st_size // SLOWEST

    def execute(self, state: State, host: PyinfraHost, connector_arguments: ConnectorArguments) -> bool:
        """Whether it is there. Whatever the connection does fails the host alone."""
        try:
            with gevent.Timeout(self.seconds, TimeoutError(f"not all of it within {self.seconds} s")):
                return bool(super().execute(state, host, connector_arguments))
        except Exception as error:  # as in ssh.py
            problem = Problem(f"can't upload {self.dest}: {told(str(error) or type(error).__name__)}")
            say(host, str(problem))
            return failed(host, self.step, problem)


def failed(host: PyinfraHost, step: Step, problem: Problem) -> bool:
    """Note why a host failed; False, which is how a command of pyinfra's fails."""
    fleet = Run.of(host).fleet
    fleet.fail(fleet.hosts[host.name], step, problem)
    return False


def for_the_fleet(work: Callable[[Fleet], None]) -> Commands:
    """Do ``work`` here once for the whole fleet, when the first host comes to it. An error of ours ends the run for
    every host, before the next operation.

    + work: a function of a module, which tells it from the other works of a run
    """
    run, here = Run.here()
    if run.workers.setdefault((work, run.state.is_executing), here.name) != here.name:
        return

    def do(state: State, host: PyinfraHost) -> bool:  # noqa: ARG001 (pyinfra heeds a result only with this signature)
        try:
            work(run.fleet)
        except AnchorlineError as error:
            run.broken = error
            say(host, str(error))
        return run.broken is None

    yield FunctionCommand(do, (), {})
