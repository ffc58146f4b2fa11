from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import unescape

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

from anchorline.characters import visible
from anchorline.problem import Health, Problem, Where
from anchorline.report import cells
from anchorline.report.cells import FEW, LONGEST, LONGEST_COMMAND, ROWS
from anchorline.report.markdown import LARGEST, markdown
from anchorline.report.model import Condition, HostReport, Kind, Report, StepReport
from tests.unit.any_report import NASTY, REPORTS, thousands
from tests.unit.reports import EVERY, broken, good, host, many, many_planned, nothing_to_do, plan, run, silent

OURS = re.compile(r"</?code>|<details><summary>[\d,]+ hosts? (is|are) well</summary>\n*|</details>\n*")
JOINER = "\u2060"


@dataclass(frozen=True)
class Table:
    """A table as a parser reads it: its rows, each with the text of its cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def parsed(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def tables(text: str) -> list[Table]:
    """The tables of a document. What isn't of the document's own making must be text."""
    found: list[list[list[str]]] = []
    for token in leaves(parsed(text)):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in ("th_open", "td_open"):
            found[-1][-1].append("")
        elif found and found[-1] and found[-1][-1] and token.type == "text":
            found[-1][-1][-1] += token.content.replace(JOINER, "")
        elif token.type in ("html_inline", "html_block"):
            assert OURS.fullmatch(token.content), token.content
        else:
            assert token.type in KNOWN, token
            # what comes after a table is none of its last cell
            if token.type == "table_close":
                found.append([])
    return [Table(tuple(rows[0]), tuple(map(tuple, rows[1:]))) for rows in found if rows]


KNOWN = {
    *(f"{each}_{side}" for each in ("table", "thead", "tbody", "tr", "th", "td") for side in ("open", "close")),
    *(f"{each}_{side}" for each in ("heading", "paragraph", "strong") for side in ("open", "close")),
    "text",
    "inline",
}


def leaves(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from leaves(token.children or [])


def titled(text: str, title: str) -> Table:
    """The table below a title."""
    [found] = tables(text.partition(f"#### {title}\n")[2].partition("\n#### ")[0])
    return found


def cut(words: str, length: int = LONGEST) -> str:
    shown = visible(words)
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"


def assert_whole(report: Report) -> None:
    """Every host that isn't well, every cause and every certificate stands in a cell of its own, as it is."""
    text = markdown(report)
    assert len(text) <= LARGEST
    found = tables(text)
    assert all(len(row) == len(each.head) for each in found for row in each.rows)
    every = {cell.strip() for each in found for row in each.rows for cell in row}
    if report.kind is Kind.PLAN:
        expected = [cut(each.name, LONGEST_COMMAND) for each in report.certificates if each.issues]
    else:
        unwell = [each for each in report.hosts if each.condition.health is not Health.GOOD]
        names = [*(each.name for each in unwell), *(each.name for each in report.certificates)]
        expected = [cut(each, LONGEST_COMMAND) for each in names]
        expected += [cut(each.words) for each in report.steps]
    expected += [cut(each.finding.cause) for each in report.causes]
    assert {each.strip() for each in expected} <= every


@pytest.mark.parametrize("name", EVERY)
def test_every_report_is_whole(name: str) -> None:
    assert_whole(EVERY[name]())


@pytest.mark.parametrize("words", NASTY)
def test_words_stay_in_their_cell(words: str) -> None:
    finding = Problem(words, words, Where.HERE)
    assert_whole(
        replace(
            good(),
            site=words,
            hosts=(host(words, Condition.DIFFERS, finding), host(words)),
            steps=(StepReport(words, Health.BAD, words),),
            findings=(replace(finding, health=Health.WARNING),),
        )
    )


@pytest.mark.parametrize("words", ["a|b", "`x` <b>", "<script>x</script>", "[a](b)", "&lt;", "**a**"])
def test_words_that_are_not_escaped_are_found(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    report = replace(good(), hosts=(host("debian", Condition.DIFFERS, Problem(words)),))
    assert_whole(report)
    for module in ("anchorline.report.cells", "anchorline.report.markdown"):
        monkeypatch.setattr(f"{module}.prose", lambda text: text)
    with pytest.raises(AssertionError):
        assert_whole(report)


@settings(thousands, max_examples=200)
@given(REPORTS)
def test_any_report_is_whole(report: Report) -> None:
    assert_whole(report)


@pytest.mark.parametrize("at", ["@", "\\@", "&#64;"])
def test_nobody_is_called(at: str) -> None:
    text = markdown(replace(good(), hosts=(host("debian", Condition.DIFFERS, Problem(f"{at}everybody, look")),)))
    prose = re.sub(r"<code>.*?</code>", "", text)
    assert not re.search(r"@\w", unescape(prose))


def test_the_verdict_comes_first() -> None:
    assert markdown(good()).startswith("### ✅ production: all 5 hosts are as declared\n")
    assert markdown(broken()).startswith("### ❌ production: 1 of 5 hosts is as declared, 1 with a note\n")
    assert markdown(run()).startswith("### ❌ production: 3 of 5 hosts are done\n")
    assert markdown(replace(good(), finished=False)).startswith("### ❔ production: broken off: ")
    assert markdown(replace(good(), hosts=())).startswith("### ✅ production: no host was looked at\n")
    site = replace(good(), findings=(Problem("no CA"),))
    assert markdown(site).startswith("### ❌ production: all 5 hosts are as declared, 1 finding on the site\n")


def test_the_way_of_the_data() -> None:
    way = tables(markdown(broken()))[0]
    assert [(row[0], row[1]) for row in way.rows] == [
        ("authority", "⚠️"),
        ("trust", "❌"),
        ("registry", "❌"),
        ("verify", "❔"),
    ]


def test_causes_are_grouped_and_hosts_folded() -> None:
    rows = titled(markdown(many(2000)), "What to do next").rows
    row = next(row for row in rows if row[1] == "the system's store lacks the CA")
    assert row[0] == "❌"
    assert row[2].count(",") == FEW - 1
    assert row[2].endswith(" and 61 more")
    assert row[3] == "here: pyinfra -y --limit HOST inventory anchorline.trust.rollout"


def test_what_one_host_has_alone_is_ready_to_be_typed() -> None:
    lacks = Problem("it lacks the CA", "pyinfra -y --limit debian inventory anchorline.trust.rollout", Where.HERE)
    [row] = titled(markdown(replace(good(), hosts=(host("debian", Condition.DIFFERS, lacks),))), "What to do next").rows
    assert row == ("❌", "it lacks the CA", "debian", f"here: {lacks.fix}")


def test_hosts_that_are_well_are_counted_and_listed_where_few() -> None:
    text = markdown(good())
    assert "<details><summary>5 hosts are well</summary>\n\n<code>registry</code>, " in text
    assert "Hosts that aren't well" not in text
    many_well = markdown(many(200))
    assert "\n\n181 hosts are well\n\n" in many_well
    assert "<details>" not in many_well


def test_certificates_have_their_days() -> None:
    assert titled(markdown(broken()), "Certificates").rows[0][3:] == ("2026-12-09", "12 days left")


def test_a_run_says_what_changed() -> None:
    rows = titled(markdown(run()), "What changed").rows
    assert ("debian", "1 host", "system store; docker; /etc/hosts") in rows


def test_a_plan_has_hosts_with_the_same_change_in_one_row() -> None:
    text = markdown(plan())
    assert text.startswith("### ❔ production: 4 of 5 hosts would change, 2 certificates would be issued, ")
    rows = titled(text, "What would change").rows
    assert rows[0] == ("debian, fedora-layout", "2 hosts", "system store; docker; /etc/hosts")
    assert len(rows) == 3
    issued = titled(text, "Certificates that would be issued").rows
    assert issued[0] == ("ca", "missing: no host has heard of a CA of this site")
    assert titled(text, "What needs attention").rows[0][1:3] == ("not connected: timed out", "debian12")


def test_a_plan_of_many_hosts_has_a_row_for_each_kind() -> None:
    rows = titled(markdown(many_planned(5000)), "What would change").rows
    assert [row[1] for row in rows] == ["1,250 hosts"] * 4
    text = markdown(many_planned(5000, 5000))
    assert len(titled(text, "What would change").rows) == ROWS
    assert f"and {5000 - ROWS:,} more" in text


def test_a_plan_says_when_nothing_would_change() -> None:
    text = markdown(nothing_to_do())
    assert text.startswith("### ✅ production: nothing would change\n")
    assert "Nothing would change: 5 hosts as declared, and no certificate to issue." in text
    assert "#### What would change" not in text
    down = silent("debian12", Condition.UNREACHABLE, Problem("timed out", health=Health.UNKNOWN))
    partly = markdown(replace(nothing_to_do(), hosts=(host("debian"), down)))
    assert partly.startswith("### ❔ production: nothing would change, 1 host can't be planned for\n")
    assert "1 host as declared, and no certificate to issue, as far as it could be looked at." in partly


def _worst(character: str) -> Report:
    """5,000 hosts that have nothing in common, with names and causes as long as they come, of one character."""
    long = character * 700

    def one(number: int) -> HostReport:
        name = f"{number}{character * 250}"
        finding = Problem(f"{number}{long}", f"{number}{long}", Where.ON_THE_HOST)
        condition = (Condition.DIFFERS, Condition.AS_DECLARED, Condition.CHANGED)[number % 3]
        return replace(host(name, condition, finding), drift=(f"{number}{long}",), notes=(long,))

    base = broken()
    assert base.registry is not None
    assert base.rotation is not None
    return replace(
        base,
        hosts=tuple(map(one, range(5000))),
        certificates=tuple(replace(base.certificates[1], name=f"{each}{long}", reason=long) for each in range(200)),
        registry=replace(base.registry, address=long, host=long, image=long, version=long, words=long),
        rotation=replace(base.rotation, words=long, stage=long),
        steps=tuple(replace(each, words=long) for each in base.steps),
        findings=tuple(Problem(f"{each}{long}") for each in range(50)),
    )


@pytest.mark.parametrize("character", ["x", "|", "@", "&", "\N{GRINNING FACE}"])
@pytest.mark.parametrize("kind", Kind)
def test_it_fits_into_a_comment(character: str, kind: Kind) -> None:
    text = markdown(replace(_worst(character), kind=kind))
    assert len(text) <= LARGEST
    assert tables(text)


@pytest.mark.parametrize("report", [many(5000), many(5000, wrong=1), many_planned(5000, 5000)])
def test_a_large_fleet_fits_with_all_its_parts(report: Report) -> None:
    text = markdown(report)
    assert len(text) <= LARGEST
    assert "doesn't fit" not in text


def test_a_table_stops_where_its_room_ends() -> None:
    text = cells.table(("a",), ["x" * 50] * 10, lambda item: (item,), 200)
    [found] = tables(text)
    assert len(found.rows) == 3
    assert "and 7 more" in text
    assert cells.table(("a",), [], lambda item: (item,), 200) == ""
