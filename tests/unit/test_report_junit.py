from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from anchorline.characters import visible_lines
from anchorline.problem import Health, Problem
from anchorline.report.junit import junit
from anchorline.report.model import Condition, Report
from tests.unit.any_report import REPORTS, thousands
from tests.unit.reports import EVERY, broken, good, host, many, plan
from tests.unit.tools import junit_schema, validated


@pytest.fixture(scope="module")
def schema() -> Path:
    return junit_schema()


def cases(report: Report, suite: str = "hosts") -> dict[str, ET.Element]:
    root = ET.fromstring(junit(report))
    return {each.attrib["name"]: each for each in root.iterfind(f"testsuite[@name='{report.site}.{suite}']/testcase")}


def told(case: ET.Element) -> str:
    return "\n".join(case.itertext())


@pytest.mark.parametrize("name", EVERY)
def test_every_report_is_valid(name: str, schema: Path, tmp_path: Path) -> None:
    document = tmp_path / "report.xml"
    document.write_text(junit(EVERY[name]()), encoding="utf-8")
    assert validated(schema, document) == ""


@pytest.mark.parametrize(
    ("old", "new", "objection"),
    [
        ("<properties>", "<misplaced>", "parser error"),
        ('name="debian" classname', "classname", "'name' is required"),
        ("failure", "fault", "not expected"),
        ("\N{SYMBOL FOR BELL}", "\x07", "invalid character"),
    ],
)
def test_a_broken_document_is_refused(old: str, new: str, objection: str, schema: Path, tmp_path: Path) -> None:
    report = replace(broken(), findings=(Problem("a bell: \x07"),))
    document = tmp_path / "report.xml"
    assert old in junit(report)
    document.write_text(junit(report).replace(old, new), encoding="utf-8")
    assert objection in validated(schema, document)


def test_a_host_is_a_case() -> None:
    found = cases(broken())
    assert [*found] == [each.name for each in broken().hosts]
    failure = found["fedora-layout"].find("failure")
    assert failure is not None
    assert failure.attrib["message"] == (
        "fedora-layout: its clock is 9 h 0 min ahead: certificates end early there; "
        "on the host: timedatectl set-ntp true"
    )
    assert failure.attrib["type"] == "differs"


def test_what_could_not_be_told_is_an_error() -> None:
    found = cases(broken())
    assert found["debian12"].find("error") is not None
    assert found["debian12"].find("failure") is None


def test_a_warning_fails_nothing_and_is_told() -> None:
    case = cases(broken())["debian"]
    assert [each.tag for each in case] == ["system-out"]
    assert "systemctl restart docker" in told(case)


def test_several_causes_are_one_failure_that_tells_all() -> None:
    failure = cases(broken())["registry"].find("failure")
    assert failure is not None
    assert failure.attrib["message"].endswith("(and 1 more)")
    assert "docker system prune" in (failure.text or "")
    assert "anchorline.registry.serve" in (failure.text or "")


def test_the_site_has_a_case_for_each_of_its_parts() -> None:
    found = cases(broken(), "site")
    assert [*found] == [
        "site",
        "certificate ca",
        "certificate server",
        "rotation",
        "registry",
        "step authority",
        "step trust",
        "step registry",
        "step verify",
    ]
    assert "missing debian12: not reached" in told(found["rotation"])
    assert "12 days left" in told(found["certificate server"])
    assert found["registry"].find("failure") is not None
    assert found["step verify"].find("error") is not None


def test_a_bad_finding_of_the_site_fails_it() -> None:
    found = cases(replace(good(), findings=(Problem("no CA", "restore pki/"),)), "site")
    failure = found["site"].find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "no CA; restore pki/"


def test_a_run_that_was_broken_off_is_an_error() -> None:
    assert cases(replace(good(), finished=False), "site")["site"].find("error") is not None
    assert cases(good(), "site")["site"].find("error") is None


def test_a_host_that_failed_without_a_cause_says_so() -> None:
    failure = cases(replace(good(), hosts=(host("debian", Condition.FAILED),)))["debian"].find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "debian: failed"


def test_a_plan_tells_what_would_change_and_fails_where_it_could_not_look() -> None:
    found = cases(plan())
    assert "would change: docker" in told(found["debian"])
    assert found["debian"].find("failure") is None
    assert found["debian12"].find("error") is not None


def test_names_stay_from_report_to_report() -> None:
    assert [*cases(good(), "site")] == [name for name in cases(broken(), "site") if name != "rotation"]


@pytest.mark.parametrize("name", EVERY)
def test_counts_are_those_of_the_cases(name: str) -> None:
    root = ET.fromstring(junit(EVERY[name]()))
    for suite in root:
        assert suite.attrib["tests"] == str(len(suite.findall("testcase")))
        assert suite.attrib["failures"] == str(len(suite.findall("testcase/failure")))
        assert suite.attrib["errors"] == str(len(suite.findall("testcase/error")))
    assert root.attrib["tests"] == str(len([*root.iter("testcase")]))


def test_any_report_is_valid_and_whole(schema: Path, tmp_path: Path) -> None:
    documents: list[Path] = []

    @settings(thousands, max_examples=150)
    @given(REPORTS)
    def every(report: Report) -> None:
        text = junit(report)
        document = tmp_path / f"{len(documents)}.xml"
        document.write_text(text, encoding="utf-8")
        documents.append(document)
        root = ET.fromstring(text)
        hosts = root.findall("testsuite")[0].findall("testcase")
        assert [each.attrib["name"] for each in hosts] == [visible_lines(each.name) for each in report.hosts]
        for drawn, seen in zip(hosts, report.hosts, strict=True):
            words = [each for finding in seen.findings for each in (finding.cause, finding.fix)]
            words += [*seen.drift, *seen.changes, *seen.notes, *seen.stale, seen.verification]
            assert all(visible_lines(each) in told(drawn) for each in words)
            assert (drawn.find("failure") is not None) == (seen.condition.health is Health.BAD)
            assert (drawn.find("error") is not None) == (seen.condition.health is Health.UNKNOWN)
        site = root.findall("testsuite")[1]
        for finding in report.findings:
            assert visible_lines(finding.cause) in told(site)
        if report.exit_code:
            assert [*root.iter("failure"), *root.iter("error")]

    every()
    assert validated(schema, *documents) == ""


def test_a_large_fleet_is_valid(schema: Path, tmp_path: Path) -> None:
    document = tmp_path / "report.xml"
    document.write_text(junit(many(5000)), encoding="utf-8")
    assert validated(schema, document) == ""
    assert ET.parse(document).getroot().attrib["tests"] == "5008"


def test_each_host_has_what_the_look_saw() -> None:
    words = told(cases(good())["debian"])
    for fact in (
        "trusts: system, docker: present",
        "300 days left",
        "clock: 0 s",
        "runtime: docker",
        "system: debian 13",
    ):
        assert fact in words
