"""What is to be done to an instance on its host, and what forbids it. Pure: no host, no disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from anchorline.problem import Problem
from anchorline.registry.desired import CERTIFICATE, KEY, MARK, Instance, OwnFile, Presented
from anchorline.registry.observed import DataState, FileState, ObservedRegistry

ENOUGH = 64 * 1024
"""KiB that must be free where the images go; with less, even the registry's own image doesn't fit."""


class InstanceStep(StrEnum):
    """One step on the host. By its word the script (shell/swap.sh) has a function, and one for its way back."""

    WRITE = "write"
    """The files in its folder. Back: the files of before."""
    CREATE = "create"
    """A container where there is none. Back: it is removed."""
    REPLACE = "replace"
    """Another container. Back: the old one, which was set aside, serves again."""
    RESTART = "restart"
    """The same container reads its files anew. Back: restarted with the files of before."""
    START = "start"
    """A container that has ended. Back: nothing; it may serve in spite of what was asked of it."""

    @property
    def due(self) -> str:
        """What is to be done, as a sentence about the registry goes on."""
        return _DUE[self]


_DUE = {
    InstanceStep.WRITE: "the registry's files are to be written again",
    InstanceStep.CREATE: "the registry is to be created",
    InstanceStep.REPLACE: "the registry is to be replaced",
    InstanceStep.RESTART: "the registry is to be restarted",
    InstanceStep.START: "the registry is to be started",
}


@dataclass(frozen=True)
class InstancePlan:
    """The steps for one instance, in their order, and why; or the problems that forbid any. False for nothing to do.

    ``files`` are those that are sent: whoever repairs a configuration needs no key.
    """

    steps: tuple[InstanceStep, ...] = ()
    why: str = ""
    files: tuple[OwnFile, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    @property
    def summary(self) -> str:
        """What is done, by the step that clients notice most: ``restart (another certificate)``."""
        return f"{self.steps[-1]} ({self.why})" if self.steps else ""

    @property
    def finding(self) -> str:
        """The same for someone who looks: what is to be done, and why."""
        return f"{self.steps[-1].due}: {self.why}" if self.steps else ""


def conflicts(has: ObservedRegistry, wanted: Instance) -> Iterator[Problem]:
    """Why an instance can't be put on this host without hurting something that isn't ours, each with the way out."""
    runtime, name = wanted.runtime, wanted.name
    if has.runtime_problem:
        yield has.runtime_problem
        return
    # the second one is where a replacement sets the container of before aside
    for found, called in ((has.container, name), (has.before, f"{name}-before")):
        if found and found.site != wanted.site:
            owner = f"belongs to the site {found.site}" if found.site else "isn't anchorline's"
            aside = f"{runtime.program} stop {called}; {runtime.program} rename {called} {called}-by-hand"
            yield Problem(
                f"a container named {called} {owner}",
                f"keep it under another name ({aside}), or give ours one (registry: {{name: ...}})",
            )
    # a container of ours that runs holds its port through the runtime's proxy
    ours = [each for each in (has.container, has.before) if each and each.site == wanted.site]
    running = any(each.state in ("running", "paused") for each in ours)
    if has.port and not (running and has.port in (*runtime.proxies, "?")):
        holder = "another process" if has.port == "?" else has.port
        yield Problem(f"port {wanted.listen.port} is taken by {holder}", "stop it, or change registry: {listen: ...}")
    yield from _about_data(has, wanted)
    if has.free is not None and has.free < ENOUGH:
        yield Problem(f"the disk of {wanted.data} has {has.free // 1024} MiB left", "make room")


def _about_data(has: ObservedRegistry, wanted: Instance) -> Iterator[Problem]:
    mark, noted = f"{wanted.data}/{MARK}", f"{wanted.folder}/data"
    adopt = f"echo {wanted.site} > {mark}"
    anew = f"adopt it with `mkdir -p {wanted.data} && rm -rf {mark} {noted} && {adopt}`"
    match has.data.state:
        case DataState.FILE:
            yield Problem(f"{wanted.data} is no folder", "move it, or change registry: {data: ...}")
        case DataState.FORGED:
            cause = f"the mark {mark} isn't root's own file in a folder of root's: somebody else may have made it"
            yield Problem(cause, f"look what lies there; {anew}")
        case DataState.ANOTHER:
            cause = f"the data folder {wanted.data} isn't the one that the registry was given"
            again = f"{wanted.runtime.program} restart {wanted.name}"
            yield Problem(cause, f"mount its disk ({again}); or, where you have moved it, {anew}")
        case _ if has.data.site not in ("", wanted.site) or has.data.state is DataState.FOREIGN:
            owner = f"belongs to the site {has.data.site}" if has.data.site else "isn't anchorline's"
            cause = f"the data folder {wanted.data} {owner}"
            yield Problem(cause, f"adopt it with `{adopt}`, or change registry: {{data: ...}}")


def plan(has: ObservedRegistry, wanted: Instance, presented: Presented) -> InstancePlan:
    """What is to be done. What clients notice most is decided first; files are written whenever they differ."""
    files = wanted.files if has.cut_off else _files(has, wanted, presented)
    if has.before:  # its files are gone back to first, so that nothing is known of them
        return _of(InstanceStep.REPLACE, "a replacement was cut off", wanted.files)
    if has.container is None:
        return _of(InstanceStep.CREATE, "no container", files)
    if has.container.digest != wanted.digest:
        return _of(InstanceStep.REPLACE, "the specification changed", files)
    if has.started.chain != presented.chain:
        return _of(InstanceStep.RESTART, "another certificate", files)
    if has.started.configured not in ("", wanted.configured):
        return _of(InstanceStep.RESTART, "another configuration", files)
    lacks = "a change was cut off" if has.cut_off else "; ".join(_messages(has, files))
    if has.container.state != "running":
        return _of(InstanceStep.START, _and(lacks, f"the container is {has.container.state}"), files)
    if has.health:
        return _of(InstanceStep.RESTART, _and(lacks, f"not healthy: {has.health}"), files)
    if has.served not in ("", presented.leaf):
        return _of(InstanceStep.RESTART, _and(lacks, "it serves another certificate than the one on disk"), files)
    if has.restarted and any(each.loaded and _touched(has, each) for each in files):
        return _of(InstanceStep.RESTART, _and(lacks, "it may have started with that"), files)
    if not lacks and not has.data.noted:
        return InstancePlan((InstanceStep.WRITE,), "its data folder isn't noted yet")
    return _of(None, lacks, files)


def _of(step: InstanceStep | None, why: str, files: tuple[OwnFile, ...]) -> InstancePlan:
    steps = (*((InstanceStep.WRITE,) if files else ()), *((step,) if step else ()))
    return InstancePlan(steps, why, files)


def _and(*words: str) -> str:
    return "; ".join(filter(None, words))


def _files(has: ObservedRegistry, wanted: Instance, presented: Presented) -> tuple[OwnFile, ...]:
    """Those of its files that aren't as they should be, or of which nothing is noted. A key goes with its certificate:
    a probe can't tell another one."""
    digests = presented.digests(wanted)
    other = {
        each
        for each in wanted.files
        if (found := has.files.get(each.name)) is None
        or found.state is not FileState.KEPT
        or found.digest != digests.get(each.name, "")
    }
    if CERTIFICATE in other or has.started.chain != presented.chain:
        other |= {KEY} & {*wanted.files}
    return tuple(each for each in wanted.files if each in other)


def _touched(has: ObservedRegistry, file: OwnFile) -> bool:
    """Whether somebody else had his hands on it."""
    return _state(has, file) in (FileState.CHANGED, FileState.MISSING)


def _state(has: ObservedRegistry, file: OwnFile) -> FileState:
    return has.files[file.name].state if file.name in has.files else FileState.MISSING


def _messages(has: ObservedRegistry, files: tuple[OwnFile, ...]) -> Iterator[str]:
    """What is the matter with files, those of a kind together."""
    for state, words in _FILES.items():
        told = (each for each in files if not (each.secret and state is FileState.KEPT))  # it goes with another one
        if names := [each.name for each in told if _state(has, each) is state]:
            yield f"{', '.join(names)} {words}"


_FILES = {
    FileState.MISSING: "missing",
    FileState.CHANGED: "changed on the host",
    FileState.UNKNOWN: "not noted yet",
    FileState.KEPT: "to be another",
}
