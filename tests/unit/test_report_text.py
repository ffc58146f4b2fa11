from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest
from rich.cells import cell_len
from rich.console import Console

from anchorline.problem import Health, Problem, Where
from anchorline.report.markdown import markdown
from anchorline.report.model import Condition, HostReport, Kind, Report
from anchorline.report.page import page
from anchorline.report.text import MANY, draw, folded, text
from tests.unit import reports


def drawn(report: Report, width: int) -> list[str]:
    """What a terminal of so many columns shows."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, highlight=False)
    console.print(draw(report, width))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def run_of(*hosts: HostReport) -> Report:
    return replace(reports.good(), kind=Kind.RUN, hosts=hosts)


def changed(name: str, what: str = "", note: str = "") -> HostReport:
    return HostReport(name, Condition.CHANGED, changes=(what,), notes=(note,), verification=f"{name} s")


def failed(name: str, cause: str) -> HostReport:
    return HostReport(name, Condition.FAILED, findings=(Problem(cause, f"pyinfra --limit {name} inventory x"),))


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
        for words in (cause.finding.cause, cause.finding.fix, *cause.hosts):
            assert " ".join(words.split()) in told


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    hosts = (
        *reports.broken().hosts,
        HostReport("x" * 253, Condition.AS_DECLARED),
        HostReport("机器" * 40, Condition.UNKNOWN),
    )
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
    finding = Problem(f"cause {evil}", f"fix {evil}", health=Health.BAD)
    said = text(replace(reports.good(), hosts=(HostReport(evil, Condition.DIFFERS, findings=(finding,)),)))
    assert not {"\x1b", "\x07", "\r", "\x9b"} & set(said)
    assert "[red]1[/red]" in said, "it is text, and no markup of rich's"
    assert "fix web" in said


def test_of_many_hosts_only_those_with_something_to_tell_have_a_line() -> None:
    hosts = [HostReport(f"h{number}", Condition.AS_DECLARED) for number in range(50)]
    said = text(run_of(*hosts, failed("bad", "down"), changed("new", "docker", "look here")))
    assert "h7" not in said
    assert "bad" in said
    assert "new" in said
    assert "52 hosts: 51 well, 1 failed, 0 unreachable" in said


@pytest.mark.parametrize("kind", list(Kind))
def test_of_many_hosts_that_are_all_well_there_is_no_table(kind: Kind) -> None:
    """Nor its header, and no blank lines in its place."""
    everybody = tuple(HostReport(f"h{number}", Condition.AS_DECLARED) for number in range(MANY))
    report = replace(reports.good(), kind=kind, hosts=everybody)
    said = text(report)
    assert "h7" not in said
    assert not [line for line in said.splitlines() if line.split()[:1] == ["host"]]
    assert "\n\n\n" not in said
    assert not said.startswith("\n")
    few = text(replace(report, hosts=everybody[1:]))
    assert [line for line in few.splitlines() if line.split()[:1] == ["host"]], "or this proves nothing"


def test_what_is_said_of_many_is_said_once() -> None:
    hosts = [changed("a", "note"), changed("b", "other"), changed("c", "note"), changed("d", "note")]
    first, other = folded(hosts, Kind.RUN)
    assert (first.name, first.changes, first.verification) == ("a and 2 more", ("note",), "")
    assert other == hosts[1]


def test_what_has_failed_stands_alone_and_its_cause_is_grouped() -> None:
    hosts = [failed("a", "down"), failed("b", "down")]
    assert folded(hosts, Kind.RUN) == hosts
    told = text(run_of(*hosts)).partition("What to do")[2]
    assert "a, b: down" in told
    assert "pyinfra --limit a --limit b inventory x" in told


def test_a_run_that_was_broken_off_says_so() -> None:
    assert "broken off" in text(replace(run_of(changed("a")), finished=False))
    assert "broken off" not in text(run_of(changed("a")))


def test_what_is_not_the_same_on_each_is_told_of_none() -> None:
    there = reports.host("a", Condition.DIFFERS, Problem("it lacks the CA"))
    lacks = replace(there, name="b", stores={"system": ()}, clock=9000.0)
    (both,) = folded([there, lacks], Kind.STATUS)
    assert (both.name, both.stores, both.clock) == ("a and 1 more", {}, None)
    assert (both.served, both.runtimes) == (there.served, there.runtimes), "this is"


def test_a_run_that_was_broken_off_calls_nobody_done_whom_it_did_not_come_to() -> None:
    untouched = [HostReport(name, Condition.UNTOUCHED) for name in ("b", "c")]
    report = replace(run_of(failed("a", "down"), *untouched), finished=False)
    assert text(report).splitlines()[-1] == (
        "3 hosts: 0 well, 1 failed, 0 unreachable, 2 untouched; the run was broken off"
    )
    assert "broken off: 0 of 3 hosts are done" in markdown(report)
    assert "0 of 3 hosts are done" in page(report)


def test_a_plan_names_the_certificates_that_it_would_issue() -> None:
    told = text(reports.plan()).partition("Certificates that would be issued")[2]
    for each in reports.plan().certificates:
        assert (f"{each.name}: {each.state}" in told) == each.issues
    assert "Certificates that would be issued" not in text(reports.broken())


@pytest.mark.parametrize("form", [text, markdown, page])
def test_one_failed_host_of_many_has_a_command_to_be_pasted(form: Callable[[Report], str]) -> None:
    """At 3 a.m. nobody puts a name in the place of a word."""
    evil = reports.host("a;b", Condition.DIFFERS, Problem("down", "pyinfra -y --limit 'a;b' inventory x", Where.HERE))
    report = replace(reports.good(), hosts=(*reports.many(399).hosts, evil))
    assert "pyinfra -y --limit 'a;b' inventory x" in unescape(form(report))
    several = [replace(evil, name=f"h{number}", findings=(step(f"h{number}"),)) for number in range(30)]
    assert "pyinfra -y --limit HOST inventory x" in unescape(form(replace(report, hosts=(*several,))))


def step(host: str) -> Problem:
    return Problem("down", f"pyinfra -y --limit {host} inventory x", Where.HERE)


@pytest.mark.parametrize(("kind", "code"), [(Kind.STATUS, 2), (Kind.RUN, 1), (Kind.PLAN, 1)])
def test_a_run_that_could_not_reach_a_host_has_not_done_what_it_was_for(kind: Kind, code: int) -> None:
    down = HostReport("a", Condition.UNREACHABLE, findings=(Problem("down", health=Health.UNKNOWN),))
    assert replace(reports.good(), kind=kind, hosts=(down,)).exit_code == code
