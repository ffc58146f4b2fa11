from __future__ import annotations

from dataclasses import replace

import pytest

from anchorline.registry import daemon
from anchorline.registry.desired import Container
from anchorline.registry.observed import FoundContainer, ObservedRegistry, read
from anchorline.registry.plan import ENOUGH, action, conflicts
from anchorline.spec.model import Registry

WANTED = Container("blue", Registry.model_validate({"address": "registry.example.com", "certificate": "server"}))
CHAIN, LEAF = "1" * 64, "2" * 64
OURS = FoundContainer("running", "abc", "blue", WANTED.digest)
WELL = ObservedRegistry(
    runtime="28.0",
    container=OURS,
    image="sha256:1",
    port="docker-proxy",
    data="blue",
    free=ENOUGH * 10,
    started=CHAIN,
    health="",
    served=LEAF,
)
FREE = ObservedRegistry(runtime="28.0", free=ENOUGH * 10)

SAID = f"""\
runtime up 28.0
container /registry running abc blue {WANTED.digest}
image sha256:1
port docker-proxy
data blue
free {ENOUGH * 10}
started {CHAIN}
health ok {LEAF}
""".splitlines()


def test_reading_a_host_that_serves() -> None:
    assert read(SAID, "registry") == WELL
    assert read([*SAID, "brought"], "registry") == replace(WELL, external=True)


@pytest.mark.parametrize(
    ("lines", "standing"),
    [
        (["runtime missing"], ObservedRegistry(runtime_problem=daemon.missing())),
        (
            ["runtime down permission denied"],
            ObservedRegistry(runtime_problem=daemon.down("docker", "permission denied")),
        ),
        (["runtime up 28.0", "health "], ObservedRegistry(runtime="28.0", health="")),
        (["runtime up 28.0", "port ", "health no"], ObservedRegistry(runtime="28.0", port="?", health="no")),
        (["runtime up 28.0", "free ", "health x"], ObservedRegistry(runtime="28.0", free=None, health="x")),
        (
            ["runtime up 1", "container /registry exited abc  ", "health x"],
            ObservedRegistry(runtime="1", container=FoundContainer("exited", "abc", "", ""), health="x"),
        ),
        (
            ["runtime up 1", "container /registry-before exited abc blue 12", "health x"],
            ObservedRegistry(runtime="1", before=FoundContainer("exited", "abc", "blue", "12"), health="x"),
        ),
        (["runtime up 1", "container /another running a b c", "health x"], ObservedRegistry(runtime="1", health="x")),
    ],
)
def test_reading_other_answers(lines: list[str], standing: ObservedRegistry) -> None:
    assert read(lines, "registry") == standing


@pytest.mark.parametrize("lines", [[], ["health ok"], ["container /registry running abc blue 12"]])
def test_an_answer_without_its_first_line_is_none(lines: list[str]) -> None:
    with pytest.raises(ValueError, match="says nothing of its container runtime"):
        read(lines, "registry")


@pytest.mark.parametrize(
    "has",
    [
        FREE,
        WELL,
        replace(WELL, port="?"),  # no ss on the host
        replace(WELL, container=replace(OURS, state="exited"), port=""),
        replace(WELL, container=replace(OURS, digest="another")),
        # a replacement that was cut off: what listens is the new one
        replace(FREE, before=OURS, port="docker-proxy"),
        replace(FREE, free=None),
    ],
)
def test_nothing_stands_in_the_way(has: ObservedRegistry) -> None:
    assert conflicts(has, WANTED) == []


@pytest.mark.parametrize(
    ("has", "reason"),
    [
        (ObservedRegistry(runtime_problem=daemon.missing()), "docker isn't installed; install and start Docker"),
        (
            ObservedRegistry(runtime_problem=daemon.down("docker", "no such file")),
            "docker doesn't answer: no such file; on the host: systemctl start docker",
        ),
        (replace(FREE, container=replace(OURS, site="")), "a container named registry isn't anchorline's"),
        (replace(FREE, container=replace(OURS, site="green")), "a container named registry belongs to the site green"),
        (replace(FREE, port="nginx"), "port 443 is taken by nginx"),
        (replace(FREE, port="?"), "port 443 is taken by another process"),
        (replace(FREE, port="docker-proxy"), "port 443 is taken by docker-proxy"),
        (replace(WELL, port="nginx"), "port 443 is taken by nginx"),
        (replace(WELL, container=replace(OURS, state="exited")), "port 443 is taken by docker-proxy"),
        (replace(FREE, data="file"), "/var/lib/anchorline/registry is no folder"),
        (replace(FREE, data="foreign"), "/var/lib/anchorline/registry isn't anchorline's; adopt it with `echo blue >"),
        (replace(FREE, data="green"), "/var/lib/anchorline/registry belongs to the site green"),
        (replace(FREE, free=ENOUGH - 1), "has 63 MiB left; make room"),
    ],
)
def test_what_stands_in_the_way(has: ObservedRegistry, reason: str) -> None:
    [told] = conflicts(has, WANTED)
    assert reason in str(told)


def test_all_objections_come_at_once() -> None:
    has = replace(FREE, container=replace(OURS, site="green"), port="nginx", data="foreign", free=0)
    assert len(conflicts(has, WANTED)) == 4


@pytest.mark.parametrize(
    ("has", "due", "why"),
    [
        (WELL, "", ""),
        (replace(WELL, served=""), "", ""),  # no openssl on the host to tell it
        (FREE, "create", "no container"),
        (replace(WELL, before=OURS), "replace", "a replacement was cut off"),
        (replace(FREE, before=OURS), "replace", "a replacement was cut off"),
        (replace(WELL, container=replace(OURS, digest="")), "replace", "the specification changed"),
        (replace(WELL, started="3" * 64), "restart", "another certificate"),
        (replace(WELL, started=""), "restart", "another certificate"),
        (replace(WELL, container=replace(OURS, state="exited")), "start", "the container is exited"),
        (replace(WELL, health="no answer"), "restart", "not healthy: no answer"),
        (replace(WELL, served="3" * 64), "restart", "it serves another certificate"),
        # what is worse comes first
        (replace(WELL, container=replace(OURS, digest="", state="exited"), started=""), "replace", "the specification"),
        (replace(WELL, container=replace(OURS, state="exited"), started=""), "restart", "another certificate"),
    ],
)
def test_what_is_to_be_done(has: ObservedRegistry, due: str, why: str) -> None:
    told = action(has, WANTED, chain=CHAIN, leaf=LEAF)
    assert told[0] == due
    assert told[1].startswith(why)


def test_plain_http_has_no_certificate() -> None:
    has = replace(WELL, started="", served="")
    assert action(has, WANTED, chain="", leaf="") == ("", "")
    assert action(WELL, WANTED, chain="", leaf="")[0] == "restart"
