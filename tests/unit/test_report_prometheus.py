from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings

from anchorline.characters import visible_lines
from anchorline.problem import Health, Problem
from anchorline.report.model import Report, without_name
from anchorline.report.prometheus import LONGEST, METRICS, prometheus
from tests.unit.any_report import REPORTS, thousands
from tests.unit.reports import EVERY, NOW, broken, good, host, life, many
from tests.unit.tools import objections

Sample = tuple[Mapping[str, str], float]


def samples(text: str) -> dict[str, list[Sample]]:
    """The samples of each metric, without ``anchorline_`` and the site, read as the format has it."""
    assert text.endswith("\n")
    found: dict[str, list[Sample]] = defaultdict(list)
    for line in text.removesuffix("\n").split("\n"):
        if not line.startswith("# "):
            sample = re.fullmatch(r'anchorline_(\w+)\{((?:\w+="(?:\\.|[^"\\])*",?)*)\} (\S+)', line)
            assert sample, line
            labels: dict[str, str] = {
                name: unescaped(value) for name, value in re.findall(r'(\w+)="((?:\\.|[^"\\])*)"', sample[2])
            }
            labels.pop("site", None)
            found[sample[1]].append((labels, float(sample[3])))
    return found


def unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], value)


def shown(value: str) -> str:
    words = visible_lines(value)
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"


def of(report: Report, metric: str) -> list[Sample]:
    return samples(prometheus(report))[metric]


@pytest.mark.parametrize("name", EVERY)
def test_promtool_has_nothing_against_it(name: str) -> None:
    assert objections(prometheus(EVERY[name]())) == ""


@pytest.mark.parametrize(
    ("old", "new", "objection"),
    [
        ('"production"', '"pro"duction"', "unexpected"),
        ("# HELP anchorline_host_reached", "# HELL anchorline_host_reached", "no help text"),
        ("_seconds", "_minutes", "use base unit"),
        ("anchorline_hosts", "anchorline_hosts_total", "_total"),
        ("gauge", "ruler", "unknown metric type"),
        ("} 1\n", "} one\n", "expected float"),
    ],
)
def test_promtool_refuses_a_broken_text(old: str, new: str, objection: str) -> None:
    text = prometheus(broken())
    assert old in text
    assert objection in objections(text.replace(old, new))


def test_hosts() -> None:
    found = samples(prometheus(broken()))
    assert ({"host": "debian12"}, 0) in found["host_reached"]
    assert ({"host": "registry"}, 1) in found["host_reached"]
    assert ({"host": "debian"}, 1) in found["host_as_declared"]
    assert ({"host": "registry"}, 0) in found["host_as_declared"]
    assert ({"host": "debian12"}, 0) in found["host_as_declared"]
    assert ({"condition": "differs"}, 3) in found["hosts"]
    assert ({"condition": "verified"}, 0) in found["hosts"]


def test_a_finding_has_its_cause_and_what_fixes_it() -> None:
    assert (
        {
            "host": "fedora-layout",
            "level": "bad",
            "cause": "its clock is 9 h 0 min ahead: certificates end early there",
            "fix": "timedatectl set-ntp true",
        },
        1,
    ) in of(broken(), "finding")
    assert of(good(), "finding") == []


def test_the_same_cause_is_the_same_label_on_every_host() -> None:
    found = of(many(1000), "finding")
    assert len({labels["host"] for labels, _ in found}) == 99
    fixes = {labels["fix"] for labels, _ in found if labels["cause"] == "the system's store lacks the CA"}
    assert fixes == {"pyinfra -y --limit HOST inventory anchorline.trust.rollout"}


def test_what_was_not_told_has_no_series() -> None:
    found = samples(prometheus(broken()))
    for metric in ("host_clock_offset_seconds", "host_stale_processes", "host_store_holds_ca"):
        hosts = {labels["host"] for labels, _ in found[metric]}
        assert hosts == {"registry", "debian", "arch-layout", "fedora-layout"}
    assert ({"host": "fedora-layout"}, 32400.2) in found["host_clock_offset_seconds"]
    assert ({"host": "debian"}, 1) in found["host_stale_processes"]
    assert ({"host": "registry"}, 0) in found["host_stale_processes"]


def test_which_store_holds_which_generation() -> None:
    found = of(broken(), "host_store_holds_ca")
    of_arch = {(each["store"], each["generation"]): value for each, value in found if each["host"] == "arch-layout"}
    assert of_arch == {
        ("system", "present"): 1,
        ("system", "next"): 0,
        ("system", "4bdb60137bfa"): 1,
        ("podman", "present"): 0,
        ("podman", "next"): 0,
    }
    assert {each["generation"] for each, _ in of(good(), "host_store_holds_ca")} == {"present"}


def test_certificates_end() -> None:
    found = samples(prometheus(broken()))
    due = life(days=12).ends.timestamp()
    assert ({"name": "server", "generation": "present"}, due) in found["certificate_not_after_timestamp_seconds"]
    assert {each["generation"] for each, _ in found["certificate_not_after_timestamp_seconds"]} == {"present", "next"}
    served = {each["host"]: value for each, value in found["host_served_not_after_timestamp_seconds"]}
    assert served["arch-layout"] == life("server", 40, generation="4bdb60137bfa").ends.timestamp()
    assert ({"name": "server"}, 0) in found["certificate_as_declared"]
    assert ({"name": "ca"}, 1) in found["certificate_as_declared"]


def test_a_rotation() -> None:
    found = samples(prometheus(broken()))
    assert found["rotation_blocked"] == [({}, 1)]
    assert found["rotation_missing_hosts"] == [({}, 1)]
    assert found["rotation_missing"] == [({"host": "debian12"}, 1)]
    assert of(good(), "rotation_blocked") == [({}, 0)]
    assert of(good(), "rotation_missing_hosts") == [({}, 0)]


def test_the_registry() -> None:
    found = samples(prometheus(broken()))
    assert found["registry_up"] == [({}, 0)]
    assert found["registry_disk_free_bytes"] == [({}, 12_288 * 1024)]
    assert found["registry_tags"] == [({}, 17)]
    assert of(good(), "registry_up") == [({}, 1)]
    registry = good().registry
    assert registry is not None
    unseen = replace(good(), registry=replace(registry, health=Health.UNKNOWN, used=None, tags=None))
    assert of(unseen, "registry_up") == [({}, 0)]
    assert of(unseen, "registry_tags") == of(unseen, "registry_disk_used_bytes") == []
    assert of(replace(good(), registry=None), "registry_up") == []


def test_the_report_itself() -> None:
    found = samples(prometheus(broken()))
    assert found["report_timestamp_seconds"] == [({}, NOW.timestamp())]
    assert found["report_exit_code"] == [({}, 1)]
    assert found["report_info"] == [({"kind": "status", "version": "0.5.0"}, 1)]
    assert of(replace(good(), finished=False), "report_finished") == [({}, 0)]


def test_a_host_that_comes_twice_has_one_series() -> None:
    twice = replace(good(), hosts=(host("debian"), replace(host("debian"), clock=7.0)))
    assert of(twice, "host_clock_offset_seconds") == [({"host": "debian"}, 0.4)]


@pytest.mark.parametrize(("clock", "text"), [(float("inf"), "+Inf"), (float("-inf"), "-Inf"), (float("nan"), "NaN")])
def test_a_clock_beyond_all_numbers(clock: float, text: str) -> None:
    report = prometheus(replace(good(), hosts=(replace(host("debian"), clock=clock),)))
    assert f'clock_offset_seconds{{site="production",host="debian"}} {text}\n' in report
    assert objections(report) == ""


def test_every_metric_is_met() -> None:
    assert {*samples(prometheus(broken()))} == {metric.name for metric in METRICS}


def test_series_are_bounded() -> None:
    lines = prometheus(many(5000)).count("\n")
    assert lines < 12 * 5000


def test_any_report_is_taken_and_whole() -> None:
    reports: list[Report] = []

    @settings(thousands, max_examples=200)
    @given(REPORTS)
    def every(report: Report) -> None:
        reports.append(report)
        found = samples(prometheus(report))
        for some in found.values():
            keys = [tuple(labels.items()) for labels, _ in some]
            assert len({*keys}) == len(keys)
        assert {labels.get("host", "") for labels, _ in found["host_reached"]} == {
            shown(each.name) for each in report.hosts
        }
        causes = {(labels.get("cause", ""), labels.get("fix", "")) for labels, _ in found["finding"]}
        told = [*report.findings, *(without_name(one, each.name) for each in report.hosts for one in each.findings)]
        assert causes == {(shown(each.cause), shown(each.fix)) for each in told}

    every()
    # one call of promtool for all: a report of all their hosts, certificates and findings
    whole = replace(
        good(),
        hosts=tuple(each for report in reports for each in report.hosts),
        certificates=tuple(each for report in reports for each in report.certificates),
        steps=tuple(each for report in reports for each in report.steps),
        findings=tuple(Problem(report.site, report.spec) for report in reports),
    )
    assert len(whole.hosts) > 100
    assert objections(prometheus(whole)) == ""


def test_a_large_fleet_is_taken() -> None:
    assert objections(prometheus(many(5000))) == ""
