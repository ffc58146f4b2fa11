from __future__ import annotations

import pytest

from anchorline.registry import daemon, distribution
from anchorline.registry.observed import (
    DataState,
    FileState,
    FoundContainer,
    FoundData,
    FoundFile,
    ObservedRegistry,
    Started,
    read,
)
from anchorline.spec.model import Registry

WANTED = distribution.instance("blue", Registry.model_validate({"address": "registry.example.com", "certificate": "s"}))

SAID = """\
runtime up 28.0
container /registry running abc blue 12
image sha256:1
at 2026-11-28T12:00:00Z
port docker-proxy
data of blue
noted
free 9999
started 34
configured 56
started-at 2026-11-28T12:00:00Z
file kept config.yml 56
file changed server.pem 78
file missing ca.pem 
file unknown server-key.pem 
health ok 90
""".splitlines()  # noqa: W291 (a digest that isn't told)


def test_reading_a_host_that_serves() -> None:
    assert read(SAID, WANTED) == ObservedRegistry(
        runtime="28.0",
        container=FoundContainer("running", "abc", "blue", "12"),
        image="sha256:1",
        port="docker-proxy",
        data=FoundData(DataState.OF, "blue", noted=True),
        free=9999,
        started=Started("34", "56", "2026-11-28T12:00:00Z"),
        at="2026-11-28T12:00:00Z",
        health="",
        served="90",
        files={
            "config.yml": FoundFile(FileState.KEPT, "56"),
            "server.pem": FoundFile(FileState.CHANGED, "78"),
            "ca.pem": FoundFile(FileState.MISSING),
            "server-key.pem": FoundFile(FileState.UNKNOWN),
        },
    )
    assert not read(SAID, WANTED).restarted
    assert read([*SAID, "external"], WANTED).external


def test_a_site_of_a_version_that_noted_less() -> None:
    """What 20eb1c3 keeps: the digest of the chain alone."""
    lines = [line for line in SAID if line.split()[0] not in ("configured", "started-at", "file")]
    has = read(lines, WANTED)
    assert has.started == Started("34")
    assert has.restarted, "who started it last isn't known"


@pytest.mark.parametrize(
    ("lines", "expected"),
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
        (["runtime up 1", "cut off", "health x"], ObservedRegistry(runtime="1", cut_off=True, health="x")),
        (
            ["runtime up 1", "data forged", "noted", "health x"],
            ObservedRegistry(runtime="1", data=FoundData(DataState.FORGED, noted=True), health="x"),
        ),
        (
            ["runtime up 1", "data of file", "health x"],
            ObservedRegistry(runtime="1", data=FoundData(DataState.OF, "file"), health="x"),
        ),
        # a mark that names no site
        (
            ["runtime up 1", "data of ", "health x"],
            ObservedRegistry(runtime="1", data=FoundData(DataState.FOREIGN), health="x"),
        ),
        (["runtime up 1", "container /another running a b c", "health x"], ObservedRegistry(runtime="1", health="x")),
    ],
)
def test_reading_other_answers(lines: list[str], expected: ObservedRegistry) -> None:
    assert read(lines, WANTED) == expected


@pytest.mark.parametrize("lines", [[], ["health ok"], ["container /registry running abc blue 12"]])
def test_an_answer_without_its_first_line_is_none(lines: list[str]) -> None:
    with pytest.raises(ValueError, match="says nothing of its container runtime"):
        read(lines, WANTED)


@pytest.mark.parametrize("line", ["file perfect config.yml 12", "data perfect"])
def test_a_state_that_no_probe_of_ours_tells_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="perfect"):
        read(["runtime up 1", line], WANTED)
