"""The end of a run of pyinfra's command line: what it came to, told to whoever asked, and the exit code."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from pyinfra.api.exceptions import PyinfraError
from rich.console import Console

from anchorline.characters import take_all
from anchorline.errors import AnchorlineError
from anchorline.fleet import Fleet, Run, RunError, failed, guard
from anchorline.fleet.guard import Over
from anchorline.report.collect import collect
from anchorline.report.forms import FORMS, form_of, require_writable, write
from anchorline.report.model import Condition, Kind, Report
from anchorline.report.progress import watch
from anchorline.report.text import show, tally

STATUS = ("anchorline.report.status", "anchorline.report:status")
"""How the step of a status is typed."""
LOOKS = ("anchorline.verify.doctor", "anchorline.verify:doctor")
"""Steps that change nothing, whatever they find: a host that failed in a deploy has that before it still."""
_FILES = ("report", "plan")
"""What ``--data`` names files with."""
_AGAIN = ("ca",)
"""What ``--data`` tells a step of ours, and a run for the failed hosts once more; the spec is in their file."""
UNKNOWN = 2
"""The exit code of a status that could tell nothing."""


def install_hooks() -> None:
    """Refuse what pyinfra would let pass, and at the end say what the run came to: config.py calls it.

    ``--data report=FILE`` writes the report of a run, ``--data plan=FILE`` that of ``--dry``, in the form that the
    file's suffix names. Raises PyinfraError for a command line that can't end well.
    """
    endings: list[Callable[[], None]] = []  # what has to end before anything is said

    def end(over: Over) -> int:
        for each in endings:
            each()
        return _end(over)

    options = guard.install_hooks(end)
    if options is None:
        return
    form = _data(options).get("form", "")
    if form and form not in FORMS:
        raise PyinfraError(f"--data form={form}: no form of a report; there are {', '.join(FORMS)}")
    try:
        for file in _files(options).values():
            _ = form or form_of(file)
            require_writable(file)
    except AnchorlineError as error:
        raise PyinfraError(str(error)) from None
    if _is_status(options):
        endings.append(watch())


def _end(over: Over) -> int:
    status = _is_status(over.options)
    failure = UNKNOWN if status else 1
    if not over.hosts:
        _say("[red]No host:[/] the inventory or --limit matches none; nothing was done", markup=True)
        return failure
    if not (status or over.began):
        return failure  # refused, or not confirmed: what pyinfra says of it is all there is to say
    run = Run.known(over.state)
    if run is None and not status and over.finished and not over.state.failed_hosts:
        return 0  # someone else's deploy file, in a folder of ours
    try:
        run = run or Run.of(over.hosts[0])  # where no host was reached, none has begun it
        report = collect(over, run.fleet, Kind.STATUS if status else Kind.PLAN if over.planned else Kind.RUN)
        try:
            _tell(over, report, status=status)
        finally:
            if not (status or over.planned or _words(over.options["operations"])[0] in LOOKS):
                _remember(over, run.fleet, report)
    except (AnchorlineError, RunError) as error:
        if str(error) not in str(over.error):  # which pyinfra tells by itself
            _say(str(error))
        return failure
    return report.exit_code


def _say(words: str, *, markup: bool = False) -> None:
    Console(stderr=True, highlight=False).print(words, markup=markup, soft_wrap=True)


def _tell(over: Over, report: Report, *, status: bool) -> None:
    """Show the report, a run's on standard error, which leaves standard output to --json; and write it where asked."""
    file = _files(over.options).get("plan" if over.planned else "report")
    form = _data(over.options).get("form", "")
    take_all(sys.stdout, sys.stderr)
    if not status:
        show(report, Console(stderr=True, highlight=False))
    elif file is None and form in ("", "text"):
        show(report, Console(highlight=False))
    elif file is None:
        sys.stdout.buffer.write(FORMS[form](report).encode("utf-8", "backslashreplace"))
    if file is not None:
        write(report, form or form_of(file), file)
        _say(f"{file}: {tally(report)}")


def _remember(over: Over, fleet: Fleet, report: Report) -> None:
    """Write down who failed, for the next run to take up."""
    done = [each for each in report.hosts if each.condition is not Condition.UNTOUCHED]
    hosts = {each.name: each.condition.did_well for each in done}
    try:
        file = failed.remember(str(over.options["inventory"]), fleet.file, hosts)
    except OSError as error:
        raise AnchorlineError(f"the failed hosts couldn't be written down: {error}; the run is as told above") from None
    if file and not all(hosts.values()):
        # nothing else: there may be a password in what is somebody's own
        given = {key: value for key, value in _data(over.options).items() if key in _AGAIN}
        words = [word for key, value in given.items() for word in ("--data", f"{key}={value}")]
        _say(f"then, for just those: {shlex.join(['pyinfra', *words, str(file), *_words(over.options['operations'])])}")


def _is_status(options: Mapping[str, object]) -> bool:
    return _words(options["operations"])[0] in STATUS


def _words(option: object) -> list[str]:
    """An option that may be given several times."""
    return [*map(str, option)] if isinstance(option, list | tuple) else []


def _data(options: Mapping[str, object]) -> dict[str, str]:
    """What ``--data`` says, by its key."""
    return {key: value for key, _, value in (each.partition("=") for each in _words(options.get("data")))}


def _files(options: Mapping[str, object]) -> dict[str, Path]:
    return {key: Path(value) for key, value in _data(options).items() if key in _FILES}
