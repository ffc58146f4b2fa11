"""Reports that a page has to bear: the made ones, hostile text, nothing at all, many hosts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from anchorline.problem import Health, Problem, Where
from anchorline.report.model import (
    CertificateReport,
    Condition,
    HostReport,
    Kind,
    RegistryReport,
    Report,
    RotationReport,
    StepReport,
)
from tests.unit import reports
from tests.unit.reports import CA, NOW, life, many, many_planned

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m\"'&\u202e\x00\x85\ud800\ufffe"
"""Markup, quotes, control characters, an override, half a surrogate: what no page may carry as it is."""
LONG = ".".join(["a" * 63] * 3 + ["b" * 61])
"""A host name of 253 characters, the longest that there is."""


def hostile() -> Report:
    """A report in which every text is ``HOSTILE``; one name is the longest, one is in UTF-8."""
    bad = Problem(f"cause {HOSTILE}", f"run {HOSTILE}", Where.HERE)
    odd = replace(CA, name=HOSTILE, subject=HOSTILE, generation=HOSTILE)
    one = HostReport(
        name=f"host{HOSTILE}",
        condition=Condition.FAILED,
        groups=(HOSTILE,),
        findings=(bad,),
        system=HOSTILE,
        runtimes=(HOSTILE,),
        stores={HOSTILE: (HOSTILE,)},
        served=replace(life(), name=HOSTILE, generation=HOSTILE),
        clock=-1e9,
        stale=(HOSTILE,),
        drift=(HOSTILE,),
        changes=(HOSTILE,),
        notes=(HOSTILE,),
        verification=HOSTILE,
    )
    return Report(
        kind=Kind.RUN,
        site=HOSTILE,
        spec=HOSTILE,
        time=NOW,
        hosts=(one, replace(one, name=LONG), replace(one, name="größe-主机-مضيف.example")),
        certificates=(CertificateReport(HOSTILE, HOSTILE, HOSTILE, Health.BAD, issues=True, life=odd),),
        registry=RegistryReport(HOSTILE, HOSTILE, HOSTILE, Health.BAD, HOSTILE, HOSTILE, HOSTILE, 0, 0, 0, 0),
        rotation=RotationReport("made", odd, (HOSTILE,), {HOSTILE: HOSTILE}, blocked=True, words=HOSTILE),
        steps=(StepReport(HOSTILE, Health.BAD, HOSTILE),),
        findings=(Problem(HOSTILE),),
        finished=False,
        version=HOSTILE,
    )


def empty() -> Report:
    """A site of which nothing is known."""
    return Report(Kind.STATUS, "empty", "anchorline.yml", NOW, ())


EXAMPLES: dict[str, Callable[[], Report]] = {
    **reports.EVERY,
    "hostile": hostile,
    "empty": empty,
    "many": lambda: many(70),
    "planned": lambda: many_planned(70),
}
