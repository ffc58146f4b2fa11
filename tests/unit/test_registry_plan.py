from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from anchorline.problem import Problem
from anchorline.registry import daemon, distribution
from anchorline.registry.desired import Presented
from anchorline.registry.observed import (
    DataState,
    FileState,
    FoundContainer,
    FoundData,
    FoundFile,
    ObservedRegistry,
    Started,
)
from anchorline.registry.plan import ENOUGH, InstancePlan, InstanceStep, conflicts, plan
from anchorline.spec.model import Registry

WANTED = distribution.instance(
    "blue", Registry.model_validate({"address": "registry.example.com", "certificate": "server"})
)
PRESENTED = Presented("2" * 64, "1" * 64, "4" * 64)
DIGESTS = PRESENTED.digests(WANTED)
FILES = {each.name: FoundFile(FileState.KEPT, DIGESTS.get(each.name, "")) for each in WANTED.files}
STARTED = Started(PRESENTED.chain, WANTED.configured, "noon")
OURS = FoundContainer("running", "abc", "blue", WANTED.digest)
OURS_TOO = FoundData(DataState.OF, "blue", noted=True)
WELL = ObservedRegistry(
    runtime="28.0",
    container=OURS,
    image="sha256:1",
    port="docker-proxy",
    data=OURS_TOO,
    free=ENOUGH * 10,
    started=STARTED,
    at="noon",
    health="",
    served=PRESENTED.leaf,
    files=FILES,
)
FREE = ObservedRegistry(runtime="28.0", free=ENOUGH * 10)
ALL = ("config.yml", "ca.pem", "server.pem", "server-key.pem")


def found(has: ObservedRegistry = WELL, **states: FileState) -> ObservedRegistry:
    """The same with other files: config=, ca=, server=, key=. A changed one has another digest."""
    names = {"config": "config.yml", "ca": "ca.pem", "server": "server.pem", "key": "server-key.pem"}
    files = {**has.files}
    for short, state in states.items():
        name = names[short]
        digest = {FileState.MISSING: "", FileState.CHANGED: "9" * 64}.get(state, DIGESTS.get(name, ""))
        files[name] = FoundFile(state, digest if name in DIGESTS else "")
    return replace(has, files=files)


@pytest.mark.parametrize(
    "has",
    [
        FREE,
        WELL,
        replace(WELL, port="?"),  # no ss on the host
        replace(WELL, container=replace(OURS, state="exited"), port=""),
        replace(WELL, container=replace(OURS, state="paused")),  # it holds its port
        replace(FREE, data=FoundData(DataState.OF, "blue")),
        replace(WELL, container=replace(OURS, digest="another")),
        # a replacement that was cut off: what listens is the new one
        replace(FREE, before=OURS, port="docker-proxy"),
        replace(FREE, free=None),
    ],
)
def test_nothing_stands_in_the_way(has: ObservedRegistry) -> None:
    assert [*conflicts(has, WANTED)] == []


@pytest.mark.parametrize(
    ("has", "cause", "fix"),
    [
        (
            ObservedRegistry(runtime_problem=daemon.missing()),
            "docker isn't installed",
            "install and start Docker",
        ),
        (
            ObservedRegistry(runtime_problem=daemon.down("docker", "no such file")),
            "docker doesn't answer: no such file",
            "systemctl start docker",
        ),
        (replace(FREE, container=replace(OURS, site="")), "a container named registry isn't anchorline's", "keep it"),
        (
            replace(WELL, before=replace(OURS, site="other")),
            "a container named registry-before belongs to the site other",
            "keep it under another name (docker stop registry-before; docker rename registry-before",
        ),
        (
            replace(FREE, before=replace(OURS, state="exited"), port="nginx"),
            "port 443 is taken by nginx",
            "stop it",
        ),
        (
            replace(FREE, container=replace(OURS, site="green")),
            "a container named registry belongs to the site green",
            "keep it under another name (docker stop registry; docker rename registry registry-by-hand)",
        ),
        (replace(FREE, port="nginx"), "port 443 is taken by nginx", "stop it, or change registry: {listen: ...}"),
        (replace(FREE, port="?"), "port 443 is taken by another process", "stop it"),
        (replace(FREE, port="docker-proxy"), "port 443 is taken by docker-proxy", "stop it"),
        (replace(WELL, port="nginx"), "port 443 is taken by nginx", "stop it"),
        (replace(WELL, container=replace(OURS, state="exited")), "port 443 is taken by docker-proxy", "stop it"),
        (replace(FREE, data=FoundData(DataState.FILE)), "/var/lib/anchorline/registry is no folder", "move it"),
        (
            replace(FREE, data=FoundData(DataState.FOREIGN)),
            "the data folder /var/lib/anchorline/registry isn't anchorline's",
            "adopt it with `echo blue > /var/lib/anchorline/registry/.anchorline`",
        ),
        (
            replace(FREE, data=FoundData(DataState.OF, "green")),
            "the data folder /var/lib/anchorline/registry belongs to the site green",
            "adopt it",
        ),
        (
            replace(WELL, data=FoundData(DataState.FORGED)),
            "the mark /var/lib/anchorline/registry/.anchorline isn't root's own file in a folder of root's: somebody "
            "else may have made it",
            "look what lies there; adopt it with `mkdir -p /var/lib/anchorline/registry && rm -rf ",
        ),
        (
            replace(WELL, data=FoundData(DataState.ANOTHER, noted=True)),
            "the data folder /var/lib/anchorline/registry isn't the one that the registry was given",
            "mount its disk (docker restart registry); or, where you have moved it, adopt it with `mkdir -p ",
        ),
        (replace(FREE, free=ENOUGH - 1), "the disk of /var/lib/anchorline/registry has 63 MiB left", "make room"),
    ],
)
def test_what_stands_in_the_way(has: ObservedRegistry, cause: str, fix: str) -> None:
    [told] = conflicts(has, WANTED)
    assert told.cause == cause
    assert told.fix.startswith(fix)


def test_all_conflicts_come_at_once() -> None:
    has = replace(FREE, container=replace(OURS, site="green"), port="nginx", data=FoundData(DataState.FOREIGN), free=0)
    assert len([*conflicts(has, WANTED)]) == 4


WRITE, CREATE, REPLACE = InstanceStep.WRITE, InstanceStep.CREATE, InstanceStep.REPLACE
RESTART, START = InstanceStep.RESTART, InstanceStep.START
NOTHING: tuple[InstanceStep, ...] = ()
CHANGED, MISSING, UNKNOWN = FileState.CHANGED, FileState.MISSING, FileState.UNKNOWN


@pytest.mark.parametrize(
    ("has", "steps", "why"),
    [
        (WELL, NOTHING, ""),
        (replace(WELL, served=""), NOTHING, ""),  # no openssl on the host to tell it
        (replace(WELL, at="later"), NOTHING, ""),  # the host was started anew, and its files are as they were
        (FREE, (WRITE, CREATE), "no container"),
        (replace(WELL, before=OURS), (WRITE, REPLACE), "a replacement was cut off"),
        (replace(FREE, before=OURS), (WRITE, REPLACE), "a replacement was cut off"),
        (replace(WELL, container=replace(OURS, digest="")), (REPLACE,), "the specification changed"),
        (
            replace(WELL, started=replace(STARTED, chain="3" * 64)),
            (WRITE, RESTART),
            "another certificate",
        ),
        (replace(WELL, started=Started()), (WRITE, RESTART), "another certificate"),
        (replace(WELL, started=replace(STARTED, configured="3")), (RESTART,), "another configuration"),
        (replace(WELL, container=replace(OURS, state="exited")), (START,), "the container is exited"),
        (replace(WELL, container=replace(OURS, state="paused")), (START,), "the container is paused"),
        (replace(WELL, data=replace(OURS_TOO, noted=False)), (WRITE,), "its data folder isn't noted yet"),
        (replace(WELL, cut_off=True), (WRITE,), "a change was cut off"),
        (
            replace(WELL, cut_off=True, health="no answer"),
            (WRITE, RESTART),
            "a change was cut off; not healthy: no answer",
        ),
        (replace(WELL, health="no answer"), (RESTART,), "not healthy: no answer"),
        (replace(WELL, served="3" * 64), (RESTART,), "it serves another certificate than the one on disk"),
        # what is worse comes first
        (
            replace(WELL, container=replace(OURS, digest="", state="exited"), started=Started()),
            (WRITE, REPLACE),
            "the specification changed",
        ),
        (
            replace(WELL, container=replace(OURS, state="exited"), started=Started()),
            (WRITE, RESTART),
            "another certificate",
        ),
    ],
)
def test_what_is_to_be_done(has: ObservedRegistry, steps: tuple[InstanceStep, ...], why: str) -> None:
    due = plan(has, WANTED, PRESENTED)
    assert (due.steps, due.why, due.problems) == (steps, why, ())
    assert bool(due) == bool(steps)


@pytest.mark.parametrize(
    ("has", "steps", "why", "files"),
    [
        # the container has read them before that: nobody who pulls notices
        (found(config=CHANGED), (WRITE,), "config.yml changed on the host", ("config.yml",)),
        (found(config=MISSING), (WRITE,), "config.yml missing", ("config.yml",)),
        (found(key=MISSING), (WRITE,), "server-key.pem missing", ("server-key.pem",)),
        (found(key=CHANGED), (WRITE,), "server-key.pem changed on the host", ("server-key.pem",)),
        (
            found(config=CHANGED, key=MISSING),
            (WRITE,),
            "server-key.pem missing; config.yml changed on the host",
            ("config.yml", "server-key.pem"),
        ),
        # a key goes with its certificate
        (found(server=MISSING), (WRITE,), "server.pem missing", ("server.pem", "server-key.pem")),
        # it may have read them
        (
            found(replace(WELL, at="later"), config=CHANGED),
            (WRITE, RESTART),
            "config.yml changed on the host; it may have started with that",
            ("config.yml",),
        ),
        (
            found(replace(WELL, at="later"), key=MISSING),
            (WRITE, RESTART),
            "server-key.pem missing; it may have started with that",
            ("server-key.pem",),
        ),
        # only we read it
        (found(replace(WELL, at="later"), ca=CHANGED), (WRITE,), "ca.pem changed on the host", ("ca.pem",)),
        # and then it doesn't serve
        (
            found(replace(WELL, container=replace(OURS, state="restarting"), health="refused"), key=MISSING),
            (WRITE, START),
            "server-key.pem missing; the container is restarting",
            ("server-key.pem",),
        ),
        (
            found(replace(WELL, health="refused"), config=CHANGED),
            (WRITE, RESTART),
            "config.yml changed on the host; not healthy: refused",
            ("config.yml",),
        ),
        # a version before this one wrote them: noted, and no more
        (
            found(
                replace(WELL, started=Started(PRESENTED.chain)), config=UNKNOWN, ca=UNKNOWN, server=UNKNOWN, key=UNKNOWN
            ),
            (WRITE,),
            "config.yml, ca.pem, server.pem, server-key.pem not noted yet",
            ALL,
        ),
        # a new version of us
        (
            replace(
                WELL,
                started=replace(STARTED, configured="5"),
                files={**FILES, "config.yml": FoundFile(FileState.KEPT, "5")},
            ),
            (WRITE, RESTART),
            "another configuration",
            ("config.yml",),
        ),
        (
            replace(WELL, files={**FILES, "ca.pem": FoundFile(FileState.KEPT, "5")}),
            (WRITE,),
            "ca.pem to be another",
            ("ca.pem",),
        ),
        (FREE, (WRITE, CREATE), "no container", ALL),
        (replace(WELL, before=OURS), (WRITE, REPLACE), "a replacement was cut off", ALL),
    ],
)
def test_our_own_files(
    has: ObservedRegistry, steps: tuple[InstanceStep, ...], why: str, files: tuple[str, ...]
) -> None:
    due = plan(has, WANTED, PRESENTED)
    assert (due.steps, due.why) == (steps, why)
    assert tuple(each.name for each in due.files) == files


@pytest.mark.parametrize("state", [CHANGED, MISSING])
@pytest.mark.parametrize("name", ALL)
def test_each_file_that_somebody_touched_is_seen(name: str, state: FileState) -> None:
    has = replace(WELL, files={**FILES, name: replace(FILES[name], state=state)})
    assert plan(has, WANTED, PRESENTED).steps == (WRITE,)


def test_a_container_that_ended_and_was_given_a_bad_configuration_gets_the_good_one() -> None:
    """Which it hasn't read: what is written is what it starts with."""
    has = found(replace(WELL, container=replace(OURS, state="exited"), at="later"), config=CHANGED)
    assert plan(has, WANTED, PRESENTED).steps == (WRITE, START)


def test_plain_http_has_no_certificate() -> None:
    local = distribution.instance("blue", Registry(mode="local"))
    files = {"config.yml": FoundFile(FileState.KEPT, local.configured)}
    container = replace(OURS, digest=local.digest)
    has = replace(WELL, container=container, started=Started("", local.configured, "noon"), served="", files=files)
    assert plan(has, local, Presented()) == InstancePlan()
    assert plan(replace(has, started=STARTED), local, Presented()).steps == (RESTART,)


def test_how_each_step_is_told() -> None:
    told: Mapping[InstanceStep, str] = {
        WRITE: "the registry's files are to be written again: why",
        CREATE: "the registry is to be created: why",
        REPLACE: "the registry is to be replaced: why",
        RESTART: "the registry is to be restarted: why",
        START: "the registry is to be started: why",
    }
    assert {step: InstancePlan((step,), "why").finding for step in InstanceStep} == told
    assert InstancePlan((WRITE, RESTART), "why").summary == "restart (why)"
    assert InstancePlan(problems=(Problem("full"),)).summary == InstancePlan().finding == ""
