"""The report in Prometheus' text format, for node_exporter's textfile collector or a push gateway.

Every metric bears the site, so that several sites' files may lie in one folder. A host has a few series of its own, and
more only for what is wrong there: findings name the cause with ``HOST`` for the host's name, so that many hosts'
findings can be counted by their cause. What couldn't be told has no series, save where the name says ``as_declared``
or ``up``, which are 1 only for what is known to be.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from anchorline.characters import visible_lines
from anchorline.problem import Health
from anchorline.report.model import Condition, HostReport, Kind, Life, RegistryReport, Report, without_name

KIB = 1024
LONGEST = 500
"""Characters of a label's value: a cause may hold a program's whole output, and each sample repeats its labels."""

_HERE = "present"
_WELL = {Condition.AS_DECLARED, Condition.VERIFIED, Condition.CHANGED, Condition.ATTENTION}
_UP = {Health.GOOD, Health.WARNING}

Samples = Iterator[tuple[dict[str, str], float | None]]
"""Labels and a value each. None: it couldn't be told, and there is no sample."""


@dataclass(frozen=True)
class _Metric:
    """A gauge: what it is called, what it says, and where its samples are in a report."""

    name: str
    says: str
    samples: Callable[[Report], Samples]


def prometheus(report: Report) -> str:
    """The report in the text format. The same labels never come twice, which Prometheus would refuse."""
    lines = []
    for metric in METRICS:
        found: dict[str, float] = {}
        for labels, value in metric.samples(report):
            if value is not None:
                found.setdefault(_labels({"site": report.site} | labels), value)
        if found:
            name = f"anchorline_{metric.name}"
            lines += [f"# HELP {name} {metric.says}", f"# TYPE {name} gauge"]
            lines += [f"{name}{{{labels}}} {_number(value)}" for labels, value in found.items()]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: dict[str, str]) -> str:
    # an empty value is the same as no label
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items() if value)


def _escaped(value: str) -> str:
    shown = visible_lines(value)
    if len(shown) > LONGEST:
        shown = f"{shown[: LONGEST - 1]}…"
    return shown.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)


def _report(report: Report) -> Samples:
    yield {}, report.time.timestamp()


def _info(report: Report) -> Samples:
    yield {"kind": report.kind, "version": report.version}, 1


def _finished(report: Report) -> Samples:
    yield {}, report.finished


def _exit_code(report: Report) -> Samples:
    yield {}, report.exit_code


def _hosts(report: Report) -> Samples:
    counts = report.counts
    # a series that is only there while it isn't 0 can't be compared with before
    yield from (({"condition": str(each)}, counts.get(each, 0)) for each in Condition)


def _reached(report: Report) -> Samples:
    yield from (({"host": host.name}, host.condition is not Condition.UNREACHABLE) for host in report.hosts)


def _as_declared(report: Report) -> Samples:
    yield from (({"host": host.name}, host.condition in _WELL) for host in report.hosts)


def _findings(report: Report) -> Samples:
    found = [("", finding) for finding in report.findings]
    found += [(host.name, without_name(finding, host.name)) for host in report.hosts for finding in host.findings]
    for host, finding in found:
        yield {"host": host, "level": finding.health, "cause": finding.cause, "fix": finding.fix}, 1


def _clock(report: Report) -> Samples:
    yield from (({"host": host.name}, host.clock) for host in report.hosts)


def _stale(report: Report) -> Samples:
    yield from (({"host": host.name}, len(host.stale)) for host in report.hosts if _is_looked_at(host))


def _drift(report: Report) -> Samples:
    if report.kind is Kind.STATUS:  # a run has changed it, and a plan has its steps
        yield from (({"host": host.name}, len(host.drift)) for host in report.hosts if _is_looked_at(host))


def _runtimes(report: Report) -> Samples:
    yield from (({"host": host.name, "runtime": each}, 1) for host in report.hosts for each in host.runtimes)


def _is_looked_at(host: HostReport) -> bool:
    return bool(host.system or host.stores or host.clock is not None)


def _stores(report: Report) -> Samples:
    """For each store the CA's generations of this site, held or not, and besides what it holds of others."""
    ours = [_HERE, *([report.rotation.ca.generation] if report.rotation else [])]
    for host in report.hosts:
        for store, held in host.stores.items():
            for generation in dict.fromkeys((*ours, *held)):
                yield {"host": host.name, "store": store, "generation": generation}, generation in held


def _served(report: Report) -> Samples:
    for host in report.hosts:
        if host.served:
            yield {"host": host.name, "generation": host.served.generation}, host.served.ends.timestamp()


def _ends(report: Report) -> Samples:
    lives: dict[str, tuple[str, Life]] = {}
    for each in report.certificates:
        if each.life:
            lives[each.life.sha256] = (each.name, each.life)
    if report.rotation:
        lives.setdefault(report.rotation.ca.sha256, (report.rotation.ca.name, report.rotation.ca))
    yield from (({"name": name, "generation": life.generation}, life.ends.timestamp()) for name, life in lives.values())


def _certificates(report: Report) -> Samples:
    yield from (({"name": each.name}, each.health in _UP and not each.issues) for each in report.certificates)


def _rotation_blocked(report: Report) -> Samples:
    yield {}, bool(report.rotation and report.rotation.blocked)


def _rotation_seen(report: Report) -> Samples:
    if report.rotation:
        yield {"stage": report.rotation.stage}, len(report.rotation.seen)


def _rotation_missing(report: Report) -> Samples:
    yield {}, len(report.rotation.missing) if report.rotation else 0


def _rotation_host(report: Report) -> Samples:
    yield from (({"host": host}, 1) for host in (report.rotation.missing if report.rotation else ()))


def _of_registry(value: Callable[[RegistryReport], float | None]) -> Callable[[Report], Samples]:
    def samples(report: Report) -> Samples:
        if report.registry:
            yield {}, value(report.registry)

    return samples


def _bytes(kibibytes: int | None) -> int | None:
    return None if kibibytes is None else kibibytes * KIB


def _registry_info(report: Report) -> Samples:
    if found := report.registry:
        yield (
            {
                "host": found.host,
                "address": found.address,
                "mode": found.mode,
                "image": found.image,
                "version": found.version,
            },
            1,
        )


def _steps(report: Report) -> Samples:
    yield from (({"step": step.name}, step.health in _UP) for step in report.steps)


METRICS = (
    _Metric("report_timestamp_seconds", "When the report was made.", _report),
    _Metric("report_info", "What the report is of, and the anchorline that made it.", _info),
    _Metric("report_finished", "Whether what the report is of came to its end.", _finished),
    _Metric("report_exit_code", "0: all as declared. 1: something is not. 2: not all could be told.", _exit_code),
    _Metric("hosts", "How many hosts came to what.", _hosts),
    _Metric("host_reached", "Whether the host could be connected to.", _reached),
    _Metric("host_as_declared", "Whether the host is known to have all that is declared.", _as_declared),
    _Metric("host_clock_offset_seconds", "How far the clock of the host is ahead.", _clock),
    _Metric("host_stale_processes", "How many processes hold the roots of before the last change.", _stale),
    _Metric("host_drifted_stores", "In how many places of the host a deploy would change something.", _drift),
    _Metric("host_runtime", "A runtime that the host has. Always 1.", _runtimes),
    _Metric("host_store_holds_ca", "Whether the trust store holds this generation of the CA.", _stores),
    _Metric("host_served_not_after_timestamp_seconds", "When what the registry serves to the host ends.", _served),
    _Metric("finding", "What is wrong or could not be told, and the next step. Always 1.", _findings),
    _Metric("certificate_not_after_timestamp_seconds", "When the certificate in pki/ ends.", _ends),
    _Metric("certificate_as_declared", "Whether the certificate is well, and no deploy issues it anew.", _certificates),
    _Metric("rotation_blocked", "Whether a rotation of the CA waits for hosts.", _rotation_blocked),
    _Metric("rotation_seen_hosts", "How many hosts have been seen to trust the CA of the rotation.", _rotation_seen),
    _Metric("rotation_missing_hosts", "How many hosts a rotation of the CA waits for.", _rotation_missing),
    _Metric("rotation_missing", "A host that a rotation of the CA waits for. Always 1.", _rotation_host),
    _Metric("registry_up", "Whether the registry is known to serve.", _of_registry(lambda each: each.health in _UP)),
    _Metric("registry_info", "Where the registry runs, and what.", _registry_info),
    _Metric("registry_disk_used_bytes", "What the images take.", _of_registry(lambda each: _bytes(each.used))),
    _Metric("registry_disk_free_bytes", "What is left for images.", _of_registry(lambda each: _bytes(each.free))),
    _Metric("registry_repositories", "How many repositories it has.", _of_registry(lambda each: each.repositories)),
    _Metric("registry_tags", "How many tags they have.", _of_registry(lambda each: each.tags)),
    _Metric("step_as_declared", "Whether the step of the way of the data is known to be well.", _steps),
)
"""Every metric, in the order of the text. Names end in their unit, a base unit, as Prometheus' linter has it."""
