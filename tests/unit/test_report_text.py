from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from anchorline.report.model import Condition, Finding, Health, Host, Kind, Report
from anchorline.report.text import draw, folded, text
from tests.unit import reports


def drawn(report: Report, width: int) -> list[str]:
    """What a terminal of so many columns shows."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, highlight=False)
    console.print(draw(report, width))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def run_of(*hosts: Host) -> Report:
    return replace(reports.good(), kind=Kind.RUN, hosts=hosts)


def changed(name: str, what: str = "", note: str = "") -> Host:
    return Host(name, Condition.CHANGED, changes=(what,), notes=(note,), proof=f"{name} s")


def failed(name: str, cause: str) -> Host:
    return Host(name, Condition.FAILED, findings=(Finding(cause, f"pyinfra --limit {name} inventory x"),))


def test_a_good_fleet_has_nothing_to_do() -> None:
    said = text(reports.good())
    assert "What to do" not in said
    for host in reports.good().hosts:
        assert host.name in said
    assert said.rstrip().endswith("5 hosts: 5 as declared")


def test_a_broken_one_names_host_cause_and_next_step() -> None:
    report = reports.broken()
    said = " ".join(text(report).split())
    told = said.partition("What to do")[2]
    for cause in report.causes:
        for words in (cause.finding.cause, cause.finding.mend, *cause.hosts):
            assert " ".join(words.split()) in told


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    hosts = (*reports.broken().hosts, Host("x" * 253, Condition.AS_DECLARED), Host("机器" * 40, Condition.UNKNOWN))
    report = replace(reports.broken(), hosts=hosts)
    lines = drawn(report, width)
    assert max(map(cell_len, lines)) <= width
    assert "".join(lines).count("x") >= 253, "nothing of a long name is cut off"


def test_a_pipe_gets_a_line_for_each_host() -> None:
    report = reports.many(30)
    lines = text(report).partition("\nhost ")[2].partition("What to do")[0].splitlines()
    for host in report.hosts:
        assert sum(line.startswith(f"{host.name} ") for line in lines) == 1


def test_control_characters_move_no_cursor() -> None:
    evil = "web\x1b[2J\x07\r\n[red]1[/red]\x9b"
    finding = Finding(f"cause {evil}", f"mend {evil}", health=Health.BAD)
    said = text(replace(reports.good(), hosts=(Host(evil, Condition.DIFFERS, findings=(finding,)),)))
    assert not {"\x1b", "\x07", "\r", "\x9b"} & set(said)
    assert "[red]1[/red]" in said, "it is text, and no markup of rich's"
    assert "mend web" in said


def test_of_many_hosts_only_those_with_something_to_tell_have_a_line() -> None:
    hosts = [Host(f"h{number}", Condition.AS_DECLARED) for number in range(50)]
    said = text(run_of(*hosts, failed("bad", "down"), changed("new", "docker", "look here")))
    assert "h7" not in said
    assert "bad" in said
    assert "new" in said
    assert "52 hosts: 51 well, 1 failed, 0 unreachable" in said


def test_what_is_said_of_many_is_said_once() -> None:
    hosts = [changed("a", "note"), changed("b", "other"), changed("c", "note"), changed("d", "note")]
    first, other = folded(hosts, Kind.RUN)
    assert (first.name, first.changes, first.proof) == ("a and 2 more", ("note",), "")
    assert other == hosts[1]


def test_what_has_failed_stands_alone_and_its_cause_is_grouped() -> None:
    hosts = [failed("a", "down"), failed("b", "down")]
    assert folded(hosts, Kind.RUN) == hosts
    told = text(run_of(*hosts)).partition("What to do")[2]
    assert "a, b: down" in told
    assert "pyinfra --limit HOST inventory x" in told


def test_a_run_that_was_broken_off_says_so() -> None:
    assert "broken off" in text(replace(run_of(changed("a")), finished=False))
    assert "broken off" not in text(run_of(changed("a")))
