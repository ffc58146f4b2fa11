"""The look, and how the rooms change a host."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from itertools import takewhile

from pyinfra import host, logger
from pyinfra.api import FunctionCommand, Host, State, operation

from anchorline.errors import AnchorlineError
from anchorline.fleet import clock, machines
from anchorline.fleet.probe import Probe, Question
from anchorline.fleet.run import Run
from anchorline.fleet.ssh import Answer, ask
from anchorline.fleet.steps import Step
from anchorline.fleet.wire import CLOCK, MACHINE, join, split
from anchorline.problem import Problem, ProblemError

Commands = Generator[FunctionCommand, None, None]


@operation()
def gather(*, probes: Sequence[Probe]) -> Commands:
    """Observe one host with the probes of all rooms, in one exec.

    A host that can't be observed is unknown, not empty: it fails here, and no later step touches it.

    + rooms: whose probes to join
    """
    here = host.state.inventory.get_host(host.name)
    run = Run.of(here)
    run.begin_with(here)
    run.gathering = host.state.is_executing
    questions = {room.name: question for room in probes if (question := room.ask(run, here))}
    problem = probe_host(run, here, questions)
    if not host.state.is_executing and run.gathered_all:
        run.preflight()  # the last of them to answer, before pyinfra asks whether to go on
    if problem:
        yield failing(problem)
    else:
        host.noop("probed")


def probe_host(run: Run, here: Host, questions: dict[str, Question]) -> Problem | None:
    """Ask a host and keep what it said in the run. Returns why it couldn't be understood, or None.

    What it said is never shown, not at -vvv either: there may be passwords in others' files that a probe prints.
    """
    script, data = join(questions)
    answer = ask(here, script, stdin=data, quiet=True)
    try:
        said = split(answer.stdout)
        offset = clock.read(said.get(CLOCK, ()), time.time())
        if offset is not None:
            run.clocks[here.name] = offset
            if off := clock.problem(offset):
                run.note(here, str(off))
        run.machines[here.name] = machines.read(said.get(MACHINE, []))
        run.observations[here.name] = {name: run.probes[name].read(run, said[name]) for name in questions}
    except (KeyError, ValueError) as error:
        run.observations.pop(here.name, None)
        before = tuple(takewhile(lambda line: not line.startswith("=== "), answer.stdout))
        problem = replace(answer, stdout=before).problem
        if answer.ok and answer.stdout:
            problem = _carried(error)
        run.fail(here, Step.PROBE, problem)
        return problem
    return None


def _carried(error: KeyError | ValueError) -> Problem:
    if isinstance(error, KeyError):
        return Problem(f"its answer says nothing of: {error}")
    return error.problem if isinstance(error, ProblemError) else Problem(str(error))


def failing(problem: Problem | str) -> FunctionCommand:
    """A command that fails its host, and says why, and what to do, beside the host's name."""

    def fail(state: State, host: Host) -> bool:  # noqa: ARG001 (pyinfra heeds a result only with this signature)
        say(host, str(problem))
        return False

    return FunctionCommand(fail, (), {})


def changing(
    step: Step,
    script: str,
    *,
    stdin: str = "",
    timeout: int | None = None,
    then: Callable[[Answer], None] | None = None,
) -> FunctionCommand:
    """A command that changes its host with one script; where that fails, its cause is kept for the summary.

    ``then`` gets the answer of a script that succeeded.
    """

    def change(state: State, host: Host) -> bool:  # noqa: ARG001 (as above)
        answer = ask(host, script, stdin=stdin, timeout=timeout)
        if not answer.ok:
            Run.of(host).fail(host, step, answer.problem)
            for line in answer.stderr or (answer.cause,):
                say(host, line)
            return False
        if then:
            then(answer)
        return True

    return FunctionCommand(change, (), {})


def for_the_fleet(what: str, work: Callable[[Run], None]) -> Commands:
    """Do ``work`` here once for the whole fleet, when the first host comes to it. An error of ours ends the run for
    every host, before the next operation.

    + what: tells it from the other works of a run
    """
    here = host.state.inventory.get_host(host.name)
    run = Run.of(here)
    if run.once(f"who does it: {what}, executing: {host.state.is_executing}", lambda: here.name) != here.name:
        return

    def do(state: State, host: Host) -> bool:  # noqa: ARG001 (pyinfra heeds a result only with this signature)
        try:
            work(run)
        except AnchorlineError as error:
            run.broken = error
            say(host, str(error))
        return run.broken is None

    yield FunctionCommand(do, (), {})


def say(host: Host, text: str) -> None:
    """A line about a host on standard error."""
    logger.error(f"{host.print_prefix}{text}")
