"""The report as JUnit XML, for what shows test results: Jenkins, GitLab, and others that read its form.

The schema is the one of Jenkins's xUnit plugin (junit-10.xsd). Two suites: a case for each host, and a case for each
certificate, the rotation, the registry and each step. ``failure`` is what is wrong, ``error`` what couldn't be told.
A case has at most one of them, since Jenkins reads the first alone. A name stays the same from report to report, so
that a case has a history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import chain
from xml.etree import ElementTree as ET

from anchorline.characters import visible_lines
from anchorline.problem import Health
from anchorline.report.model import CertificateReport, HostReport, RegistryReport, Report, RotationReport
from anchorline.report.words import holdings, remaining, seconds

_FAILS = {Health.BAD: "failure", Health.UNKNOWN: "error"}


@dataclass(frozen=True)
class _Case:
    """One testcase. ``word`` is the type of its failure; ``wrong`` what it fails with, ``out`` what there is besides.
    Where it doesn't fail, ``wrong`` is told as well."""

    name: str
    health: Health
    word: str
    wrong: tuple[str, ...] = ()
    out: tuple[str, ...] = ()


def junit(report: Report) -> str:
    """The report as JUnit XML. It has a failure or an error wherever the exit code isn't 0."""
    suites = {f"{report.site}.hosts": [*map(_host, report.hosts)], f"{report.site}.site": [*_site(report)]}
    root = _element("testsuites", name=f"anchorline {report.site}", **_counts([*chain(*suites.values())]))
    for name, cases in suites.items():
        moment = f"{report.time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"  # without its zone: JUnit knows none
        suite = _element("testsuite", name=name, **_counts(cases), skipped="0", timestamp=moment)
        properties = ET.SubElement(suite, "properties")
        about = {"kind": str(report.kind), "spec": report.spec, "anchorline": report.version}
        properties.extend(_element("property", name=key, value=value) for key, value in about.items())
        suite.extend(_drawn(case, name) for case in cases)
        root.append(suite)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _counts(cases: Sequence[_Case]) -> dict[str, str]:
    found = [case.health for case in cases]
    return {
        "tests": str(len(cases)),
        "failures": str(found.count(Health.BAD)),
        "errors": str(found.count(Health.UNKNOWN)),
    }


def _host(host: HostReport) -> _Case:
    told = {finding: str(finding.about(host.name)) for finding in host.findings}
    wrong = [words for finding, words in told.items() if finding.health in _FAILS] or [*told.values()]
    out = {
        "": (host.condition, *(words for words in told.values() if words not in wrong)),
        "system": (host.system,),
        "runtime": host.runtimes,
        "trusts": holdings(host.stores),
        "is served": (f"{host.served.subject}, {remaining(host.served.days)}",) if host.served else (),
        "clock": () if host.clock is None else (seconds(host.clock),),
        "would change": host.drift,
        "changed": host.changes,
        "holds the roots of before": host.stale,
        "note": host.notes,
        "verification": (host.verification,),
    }
    return _Case(
        host.name,
        host.condition.health,
        host.condition,
        tuple(wrong or [f"{host.name}: {host.condition}"]),
        tuple(f"{label}: {each}" if label else each for label, some in out.items() for each in some if each),
    )


def _site(report: Report) -> Iterator[_Case]:
    """The cases of what belongs to no single host; ``site`` has what concerns the whole."""
    healths = {finding.health for finding in report.findings} | (set() if report.finished else {Health.UNKNOWN})
    health = next((each for each in _FAILS if each in healths), Health.GOOD)
    failing = [str(finding) for finding in report.findings if finding.health in _FAILS]
    failing += [] if report.finished else [f"the {report.kind} was broken off; what comes after isn't known"]
    warnings = [str(finding) for finding in report.findings if finding.health not in _FAILS]
    yield _Case("site", health, "findings", tuple(failing), tuple(warnings))
    yield from map(_certificate, report.certificates)
    if report.rotation:
        yield _rotation(report.rotation)
    if report.registry:
        yield _registry(report.registry)
    for step in report.steps:
        yield _Case(f"step {step.name}", step.health, "step", (f"{step.name}: {step.words}",))


def _certificate(certificate: CertificateReport) -> _Case:
    words = ": ".join(filter(None, (certificate.name, certificate.state, certificate.reason)))
    out = []
    if life := certificate.life:
        out = [
            f"subject: {life.subject}",
            *(f"name: {name}" for name in life.names),
            f"ends: {life.ends:%Y-%m-%d %H:%M} UTC, {remaining(life.days)}",
            f"SHA-256: {life.sha256}",
        ]
    step = "; a deploy issues it" if certificate.issues else ""
    return _Case(f"certificate {certificate.name}", certificate.health, certificate.state, (words + step,), tuple(out))


def _rotation(rotation: RotationReport) -> _Case:
    words = rotation.message or f"{len(rotation.seen)} hosts have been seen to trust {rotation.ca.subject}"
    missing = tuple(f"missing {host}: {why}" for host, why in rotation.missing.items())
    health = Health.WARNING if rotation.blocked else Health.GOOD
    return _Case("rotation", health, rotation.stage, (f"{rotation.stage}: {words}",), missing)


def _registry(registry: RegistryReport) -> _Case:
    words = f"{registry.host}: {registry.address}: {registry.words or registry.health}"
    sizes = {"KiB used": registry.used, "KiB free": registry.free}
    sizes |= {"repositories": registry.repositories, "tags": registry.tags}
    out = [f"version: {registry.version}", f"image: {registry.image}"]
    out += [f"{label}: {size}" for label, size in sizes.items() if size is not None]
    return _Case("registry", registry.health, "registry", (words,), tuple(out))


def _drawn(case: _Case, suite: str) -> ET.Element:
    drawn = _element("testcase", name=case.name, classname=suite)
    out = case.out
    if tag := _FAILS.get(case.health):
        first, *others = case.wrong
        more = f" (and {len(others)} more)" if others else ""
        failure = _element(tag, type=case.word, message=first + more)
        failure.text = visible_lines("\n".join(case.wrong))
        drawn.append(failure)
    else:
        out = (*case.wrong, *out)
    if out:
        ET.SubElement(drawn, "system-out").text = visible_lines("\n".join(out))
    return drawn


def _element(tag: str, **attributes: str) -> ET.Element:
    return ET.Element(tag, {key: visible_lines(value) for key, value in attributes.items()})
