"""The page as text: nothing of others gets through unescaped, and it stays small. tests/browser looks at it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings

from anchorline.characters import visible_lines
from anchorline.problem import Health, Problem
from anchorline.render import render
from anchorline.report.alike import FEW, alike
from anchorline.report.lives import MOST, line
from anchorline.report.model import (
    CertificateReport,
    Condition,
    Report,
)
from anchorline.report.page import page, verdict
from anchorline.report.words import remaining
from tests.unit import reports
from tests.unit.any_report import REPORTS, thousands
from tests.unit.examples import EXAMPLES, HOSTILE, empty, hostile
from tests.unit.reports import NOW, broken, good, host, life, many, many_planned, plan, run, silent

BYTES_OF_A_HOST, BYTES_OF_A_PAGE = 300, 2_000_000


class Reader(HTMLParser):
    """What a parser that isn't ours finds: tags with their attributes, and the text between."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def all(self, attribute: str) -> list[str]:
        return [value for _, each in self.tags if (value := each.get(attribute)) is not None]


OUR_TAGS = {tag for name in EXAMPLES if name != "hostile" for tag, _ in Reader(page(EXAMPLES[name]())).tags}


def problems(html: str) -> list[str]:
    """What makes a page unfit: script, something from elsewhere, characters that no HTML may have."""
    read = Reader(html)
    found = [f"<{tag}>" for tag, _ in read.tags if tag not in OUR_TAGS or tag in ("script", "img", "link", "iframe")]
    found += [f"{name}=" for _, each in read.tags for name in each if name.startswith("on") or name == "srcset"]
    found += [each for name in ("href", "src") for each in read.all(name) if not each.startswith("#")]
    css = " ".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    found += re.findall(r"url\(|@import|https?:", css)
    return found + re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff\ufffe]", html)


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_needs_nothing_else_and_runs_nothing(name: str) -> None:
    assert problems(page(EXAMPLES[name]())) == []


@pytest.mark.parametrize(
    "broken_by",
    [
        "<script>alert(1)</script>",
        "<img src=x>",
        '<p onclick="x">',
        '<a href="https://example.com/">',
        "<style>p{background:url(x)}</style>",
        "\x1b",
    ],
)
def test_the_search_for_it_finds_it(broken_by: str) -> None:
    assert problems(page(good()).replace("</main>", f"{broken_by}</main>"))


def test_what_others_wrote_is_text() -> None:
    html = page(hostile())
    assert visible_lines(HOSTILE) in Reader(html).text
    assert "<img" not in html
    html.encode()  # the half surrogate is gone


def test_a_template_that_is_no_html_stays_as_it_is() -> None:
    assert "# anchorline a&b" in render("hosts.toml.j2", site="a&b", name="registry.example.com", anchors=[])


@settings(thousands, max_examples=150)
@given(REPORTS)
def test_any_report_is_a_page(report: Report) -> None:
    html = page(report)
    assert not problems(html)
    assert html.endswith("</html>\n")


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_host_is_named_and_every_link_leads_somewhere(name: str) -> None:
    report = EXAMPLES[name]()
    read = Reader(page(report))
    for each in report.hosts:
        assert visible_lines(each.name) in read.text
    ids = read.all("id")
    assert len(ids) == len(set(ids))
    assert {each.removeprefix("#") for each in read.all("href")} <= set(ids)


@pytest.mark.parametrize("name", EXAMPLES)
def test_headings_are_in_order(name: str) -> None:
    levels = [int(tag[1]) for tag, _ in Reader(page(EXAMPLES[name]())).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_a_cause_has_its_hosts_and_the_next_step() -> None:
    text = Reader(page(broken())).text
    for cause in broken().causes:
        assert cause.finding.cause in text
        assert cause.finding.fix.partition("`")[0] in text


def test_the_unreachable_stand_apart() -> None:
    html = page(broken())
    todo, _, rest = html.partition('<h2 id="down">')
    assert "Connection refused" not in todo
    assert "Connection refused" in rest
    assert 'id="down"' not in page(good())


def test_an_unreachable_host_without_a_cause_is_told() -> None:
    report = replace(good(), hosts=(host("registry"), silent("debian", Condition.UNREACHABLE)))
    assert "No answer, and no cause told" in page(report)


def test_five_thousand_hosts_are_small() -> None:
    html = page(many(5000))
    assert len(html.encode()) < BYTES_OF_A_PAGE
    text = Reader(html).text
    assert all(each.name in text for each in many(5000).hosts)


def test_five_thousand_hosts_with_a_cause_each_are_small() -> None:
    hosts = [
        replace(
            each, condition=Condition.DIFFERS, findings=(Problem(f"the disk of /var has {number} KiB left", "df -h"),)
        )
        for number, each in enumerate(many(5000).hosts)
    ]
    html = page(replace(good(), hosts=tuple(hosts)))
    assert len(html.encode()) < BYTES_OF_A_PAGE
    assert html.count("<article") < 100


def test_a_cause_of_many_hosts_has_a_card_before_one_of_one() -> None:
    cards = re.findall("<article.*?</article>", page(many(5000)), re.DOTALL)
    assert any("1 process with the old roots" in each for each in cards)
    assert len(cards) < 20


def test_a_cause_of_those_that_answered_and_of_those_that_did_not_has_two_places() -> None:
    same = Problem("timed out", health=Health.UNKNOWN)
    hosts = (silent("a", Condition.UNREACHABLE, same), silent("b", Condition.UNKNOWN, same))
    ids = Reader(page(replace(good(), hosts=hosts))).all("id")
    assert {"cause-1", "unreached-1"} <= set(ids)
    assert len(ids) == len(set(ids))


def test_code_in_a_sentence_is_code() -> None:
    assert "<code>rotation: {without: [HOST]}</code>" in page(broken())
    assert "a &lt;b&gt; <code>&lt;c&gt;</code> d" in page(replace(good(), findings=(Problem("x", "a <b> `<c>` d"),)))
    assert "a `b" in page(replace(good(), findings=(Problem("x", "a `b"),)))


def test_a_host_that_is_well_takes_little() -> None:
    few, more = (len(page(many(count, wrong=0)).encode()) for count in (1000, 5000))
    assert (more - few) / 4000 < BYTES_OF_A_HOST


def test_hosts_that_differ_in_clock_and_proof_are_alike() -> None:
    base = many(FEW + 1, wrong=0)
    hosts = [replace(each, clock=number / 10, verification=f"{number}") for number, each in enumerate(base.hosts)]
    assert [len(each.hosts) for each in alike(hosts)] == [FEW + 1]
    hosts[7] = replace(hosts[7], stale=("dockerd",))
    assert sorted(len(each.hosts) for each in alike(hosts)) == [1, FEW]


def test_few_hosts_have_a_place_each_the_worst_first() -> None:
    groups = alike(broken().hosts)
    assert [each.first.condition.health for each in groups] == [
        Health.BAD,
        Health.BAD,
        Health.BAD,
        Health.UNKNOWN,
        Health.WARNING,
    ]


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (good(), "All 5 hosts are as declared"),
        (replace(good(), findings=(Problem("x"),)), "All 5 hosts are as declared, the site is not"),
        (replace(good(), hosts=good().hosts[:1]), "The host is as declared"),
        (broken(), "0 of 5 hosts are as declared"),
        (run(), "3 of 5 hosts are done"),
        (replace(run(), finished=False), "Broken off: 3 of 5 hosts are done"),
        (plan(), "4 of 5 hosts would change, 2 certificates would be issued, 1 host can't be done as planned"),
        (reports.nothing_to_do(), "Nothing would change"),
        (many_planned(5000), "5,000 of 5,000 hosts would change, 2 certificates would be issued"),
        (empty(), "No host was looked at"),
    ],
)
def test_the_whole_in_a_sentence(report: Report, words: str) -> None:
    assert verdict(report) == words
    assert words in Reader(page(report)).text


def test_a_plan_says_what_and_why() -> None:
    text = Reader(page(plan())).text
    assert "What would change" in text
    assert "Certificates that would be issued" in text
    assert "missing: no host has heard of a CA of this site" in text
    assert "What would change" not in Reader(page(reports.nothing_to_do())).text


def test_a_run_says_what_changed() -> None:
    text = Reader(page(run())).text
    assert "What changed" in text
    assert "registry: create (no container)" in text


def test_where_nothing_is_to_be_done_it_says_so() -> None:
    assert "Nothing: all is as declared." in Reader(page(good())).text
    assert "Nothing: all" not in Reader(page(broken())).text
    assert "without --dry" in Reader(page(replace(plan(), hosts=plan().hosts[:4]))).text
    assert "without --dry" not in Reader(page(plan())).text


def test_a_rotation_says_who_holds_it() -> None:
    read = Reader(page(broken()))
    assert "Held by 1 host" in read.text
    assert read.all("aria-current") == ["step"]


def test_the_time_line_has_today_between_what_was_and_what_comes() -> None:
    drawn = line(broken())
    assert drawn is not None
    for row in drawn.rows:
        assert row.left <= drawn.today <= row.left + row.width
    assert [words for _, words in drawn.marks] == ["2026", "2028", "2030", "2032", "2034"]


def test_a_life_that_is_over_lies_left_of_today() -> None:
    ended = replace(life(days=-30), name="old")
    drawn = line(
        replace(good(), certificates=(CertificateReport("old", "expired", "", Health.BAD, issues=False, life=ended),))
    )
    assert drawn is not None
    row = next(each for each in drawn.rows if each.life is ended)
    assert row.left + row.width < drawn.today
    assert row.days == "ended 29 days ago", "29 whole ones"


def test_a_served_certificate_that_pki_lacks_has_a_line_of_its_own() -> None:
    other = replace(life(days=-3), sha256="f" * 64)
    report = replace(good(), hosts=(replace(host("registry"), served=other), *good().hosts[1:]))
    drawn, before = line(report), line(good())
    assert drawn is not None
    assert before is not None
    assert len(drawn.rows) == len(before.rows) + 1
    assert (drawn.rows[-1].health, drawn.rows[-1].reason) == (Health.BAD, "served to 1 host; pki/ has another")


def test_what_never_ends_has_its_place_and_the_rest_opens() -> None:
    never = replace(life(), ends=NOW.replace(year=9999), days=2_900_000)
    certificates = [
        CertificateReport(
            f"c{each}", "ok", "", Health.GOOD, issues=False, life=replace(never, sha256=f"{each:064}", name=f"c{each}")
        )
        for each in range(MOST + 5)
    ]
    report = replace(good(), certificates=tuple(certificates))
    drawn = line(report)
    assert drawn is not None
    assert all(0 <= row.left + row.width <= 100 for row in (*drawn.rows, *drawn.rest))
    text = Reader(page(report)).text
    assert all(each.name in text for each in certificates)
    assert line(replace(empty())) is None


def test_a_life_of_an_hour_is_drawn() -> None:
    short = replace(life(), begins=NOW, ends=NOW + timedelta(hours=1), days=0)
    report = replace(
        empty(), certificates=(CertificateReport("short", "ok", "", Health.GOOD, issues=False, life=short),)
    )
    assert "ends within a day" in Reader(page(report)).text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "ends within a day"),
        (1, "1 day left"),
        (3000, "3,000 days left"),
        (-1, "ended less than a day ago"),
        (-2, "ended 1 day ago"),
        (-5, "ended 4 days ago"),
    ],
)
def test_days_in_words(value: int, words: str) -> None:
    assert remaining(value) == words
