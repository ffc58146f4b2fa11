"""A change of the registry that gets a signal, from each of its commands on: what was there before serves again, or all
of the new does."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from signal import SIG_DFL, SIGINT
from signal import signal as handle
from zlib import crc32

import pytest

from anchorline.fleet.scripts import stdin
from anchorline.registry.plan import InstancePlan, InstanceStep
from anchorline.registry.scripts import Apply
from tests.operations.folder import executable
from tests.operations.registry.host import (
    BEFORE,
    DOCKER,
    PRESENTED,
    REPLACE,
    RESTART,
    SENT,
    WRITE,
    Host,
    files,
)

TOOLS = (
    *("awk", "cat", "chmod", "chown", "cp", "curl", "cut", "date", "find", "grep", "head", "id", "mkdir", "mktemp"),
    *("mv", "od", "readlink", "rm", "sed", "sha256sum", "sleep", "stat", "tail", "tr"),
)
# the calls are a line that grows, since those of a pipeline come at once
CALLED = """printf . >>"$ROOT/calls"; read -r n <"$ROOT/calls"; read -r pid <"$ROOT/pid"
[ "${{#n}}" {test} ] && kill -s {signal} -- {whom}"$pid" 2>/dev/null
"""
ENDED = {"TERM": (143, -15), "INT": (130, -2), "HUP": ()}
"""How a shell ends by a signal: as the script says, or before it says anything."""
OF_BEFORE = "of another version"


@dataclass(frozen=True)
class Signal:
    """What is sent: ``whom`` is empty for the shell alone, ``-`` for its process group. ``again``: at each call from
    there on, so that it comes to the way back as well."""

    name: str
    whom: str = ""
    again: bool = False

    def when(self, host: Host, at: int) -> None:
        """Have it sent from the call ``at`` of a program on."""
        test = f"{'-ge' if self.again else '-eq'} {at}"
        called = CALLED.format(test=test, signal=self.name, whom=self.whom)
        for tool in TOOLS:
            executable(host.root / "bin" / tool, f'{called}exec {shutil.which(tool)} "$@"')
        # the runtime's program: its daemon goes on with what it was asked for
        executable(host.root / "bin/docker.real", DOCKER)
        executable(host.root / "bin/docker", f'{called}"$ROOT/bin/docker.real" "$@"; came=$?\n{called}exit $came')


def without(host: Host) -> None:
    """This machine's own tools again."""
    for tool in TOOLS:
        (host.root / "bin" / tool).unlink(missing_ok=True)
    host.tool("docker", DOCKER)


def run(host: Host, *steps: InstanceStep) -> subprocess.CompletedProcess[str]:
    """Take steps in a session of their own."""
    wanted = host.instance
    contents = {**SENT, "config.yml": wanted.configuration}
    made = Apply.of(wanted, InstancePlan(steps, "why"), PRESENTED, "")
    script = replace(made, state=f"{host.root}/state", drain=1, patience=1)
    (host.root / "calls").write_text("")
    return subprocess.run(
        [*host.shell, "-c", f'echo $$ >"$ROOT/pid"\n{script.text}'],
        input=stdin([wanted.file(each, contents[each.name]) for each in wanted.files]),
        capture_output=True,
        text=True,
        env=host.environment,
        timeout=60,
        start_new_session=True,
        preexec_fn=takes_interrupts,
    )


def takes_interrupts() -> None:
    """Who runs the tests in the background has SIGINT ignored; what was ignored when a shell began it can't trap."""
    handle(SIGINT, SIG_DFL)


def points(host: Host, step: InstanceStep) -> int:
    """How many programs a run calls."""
    lay(host)
    Signal("CONT").when(host, 0)
    run(host, WRITE, step)
    without(host)
    return len((host.root / "calls").read_text())


def lay(host: Host) -> None:
    """The host as it was: an old version's files and container."""
    for each in ("state", "data", "containers"):
        shutil.rmtree(host.root / each, ignore_errors=True)
    host.folder.mkdir(parents=True)
    for name, text in BEFORE.items():
        (host.folder / name).write_text(text)
    (host.root / "containers").mkdir()
    host.shows(digest=OF_BEFORE)


def tried(host: Host, signal: Signal, at: int, step: InstanceStep) -> str:
    """One run with a signal, held against what must be so afterwards; how it ended."""
    lay(host)
    signal.when(host, at)
    done = run(host, WRITE, step)
    without(host)
    told = f"{signal} at {at}: {done.returncode}\n{done.stderr}"
    assert host.containers() == {"registry": "running"}, told
    label = (host.root / "containers/registry").read_text().splitlines()[2]
    assert {each.name for each in host.folder.parent.iterdir()} <= {"registry", "registry.lock"}, told
    assert not host.left(), told
    if done.returncode == 0:
        assert (host.folder / "server.pem").read_text() == "new\n", told
        assert label == (OF_BEFORE if step is RESTART else host.instance.digest), told
        return "done"
    assert (files(host.folder), label) == (BEFORE, OF_BEFORE), told
    assert done.returncode in (*ENDED[signal.name], 1), told
    return "undone"


FEW = [4, pytest.param(0, marks=pytest.mark.drill)]
SIGNALS = [Signal(name, whom, again) for name in ENDED for whom in ("", "-") for again in (False, True)]


def some(host: Host, few: int, signal: Signal) -> Iterator[int]:
    """As many of the points, other ones for each signal and shell; all of them for 0."""
    last = points(host, REPLACE)
    stride = last // few if few else 1
    yield from range(1 + crc32(f"{signal}{host.shell}".encode()) % stride, last + 1, stride)


@pytest.mark.parametrize("few", FEW)
@pytest.mark.parametrize("signal", SIGNALS, ids=str)
def test_a_replacement(old: Host, signal: Signal, few: int) -> None:
    ended = [tried(old, signal, at, REPLACE) for at in some(old, few, signal)]
    assert ("undone" in ended) == (signal.name != "HUP")
    old.carries_out(old.due())
    assert not old.due(), "and the next run has it as it should be"


@pytest.mark.parametrize("few", FEW)
@pytest.mark.parametrize("signal", [each for each in SIGNALS if each.again], ids=str)
def test_on_the_way_back(mute: Host, signal: Signal, few: int) -> None:
    """Nothing gets healthy, so that there is one at any rate."""
    assert {tried(mute, signal, at, REPLACE) for at in some(mute, few, signal)} == {"undone"}
