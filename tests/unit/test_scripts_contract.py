"""What a script is told: the fields of its class, the head of its shell files and shellcheck say the same."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import pytest

import anchorline
from anchorline.fleet.scripts import EVERYWHERE, Inputs, Script, source
from tests import shellcheck
from tests.shellcheck import INPUT, every_script, raw, unassigned

PACKAGE = Path(anchorline.__path__[0])
SOURCES = sorted(file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.sh"))
SCRIPTS = every_script()


def head(source: str) -> list[str]:
    """The inputs that a shell file asks for in its first lines."""
    lines = [line for line in raw(source).splitlines() if line and not line.startswith("#")]
    return [found[1] for line in takewhile(INPUT.fullmatch, lines) if (found := INPUT.fullmatch(line))]


def wrong(script: type[Script], told: set[str]) -> dict[str, set[str]]:
    """Inputs in which the class, the heads and the shell differ. ``told``: what the shell reads and doesn't set."""
    fields, around = set(script.names()), set(script.surrounding)
    asked = {name for each in script.sources for name in head(each)} - around
    found = {
        "no field": (asked | told) - fields - around,
        "not in a head": fields - asked,
        "never read, or assigned to": (fields | around) - told,
    }
    return {what: names for what, names in found.items() if names}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda each: each.__name__)
def test_fields_heads_and_shell_agree(script: type[Script]) -> None:
    assert wrong(script, unassigned((*EVERYWHERE, *script.sources))) == {}


def test_a_difference_would_be_seen() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Lacking(Script):
        container: str
        size: int
        sources = ("report/probe.sh",)

    assert wrong(Lacking, unassigned(Lacking.sources)) == {
        "no field": {"data", "places"},
        "not in a head": {"size"},
        "never read, or assigned to": {"size"},
    }


@pytest.mark.parametrize("name", SOURCES)
def test_what_a_file_asks_for_stands_at_its_head(name: str) -> None:
    asked = [found[1] for line in raw(name).splitlines() if (found := INPUT.fullmatch(line.strip()))]
    assert asked == head(name)
    assert len({*asked}) == len(asked)
    assert len(re.findall(r"\$\{\w+\?", raw(name))) == len(asked)


def test_every_file_is_in_a_script() -> None:
    used = {*EVERYWHERE, *(each for script in SCRIPTS for each in script.sources)}
    assert used == {*SOURCES}


@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"], ["busybox", "ash"]], ids=" ".join)
def test_an_input_may_be_empty_and_must_be_there(shell: list[str]) -> None:
    def ran(before: str) -> int:
        text = before + source("report/probe.sh")
        return subprocess.run([*shell, "-c", text], capture_output=True, text=True).returncode

    assert ran("places='' container='' data=''\n") == 0
    assert ran("places='' container=''\n") != 0


def test_shared_inputs_stand_beside_the_others() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Shared(Inputs):
        one: str
        several: tuple[str, ...]

    @dataclass(frozen=True, kw_only=True)
    class Both(Script):
        shared: Shared
        switch: bool
        number: int

    # the classes of a function aren't found by the names that their fields have
    Both.__annotations__["shared"] = Shared
    assert Both.names() == ("one", "several", "switch", "number")
    script = Both(shared=Shared(one="1 2", several=("a", "b")), switch=True, number=7)
    assert script.body == "one='1 2'\nseveral='a\nb'\nswitch=yes\nnumber=7\n"


def test_shellcheck_finds_nothing() -> None:
    """As `make lint` has it."""
    assert shellcheck.main() == 0


def test_shellcheck_would_find_something() -> None:
    text = 'unused=1\nfor each in $list; do [ "$each" = a ] && rm $each; done\n'
    assert {code for _, code, _ in shellcheck.check(text, "--exclude=SC2154")} == {"SC2034", "SC2086"}


@pytest.mark.parametrize("name", SOURCES)
def test_an_exception_has_its_reason(name: str) -> None:
    for line in raw(name).splitlines():
        if "shellcheck" in line:
            assert re.fullmatch(r" *# shellcheck disable=SC\d+(,SC\d+)*  # \w.+", line)


@pytest.mark.parametrize("name", SOURCES)
def test_each_file_asks_for_what_it_reads_itself(name: str) -> None:
    inputs = {each for script in SCRIPTS if name in script.sources for each in script.names()}
    assert set(head(name)) & inputs == unassigned([name]) & inputs
