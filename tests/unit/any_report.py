"""Reports of anything at all, for property tests: every character that a host's name or an error text may hold."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from anchorline.problem import Health, Problem, Where
from anchorline.report.model import (
    CertificateReport,
    Condition,
    HostReport,
    Kind,
    Life,
    RegistryReport,
    Report,
    RotationReport,
    StepReport,
)

thousands = settings(
    max_examples=1000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)

NASTY = (
    "",
    "a|b",
    "a\\|b\\",
    "`a`|``b",
    "<script>alert(1)</script>",
    "</code><img src=x onerror=y>",
    "<!-- -->",
    "&lt;&#124;&amp",
    "]]>",
    "a\nb\r\nc\rd",
    "\x00\x07\x1b[31mred\x1b[0m\x7f\x85\x9b",
    "\u2028\u2029\u202egnp.exe\ufffe\uffff\ufeff",
    '{label="x"} 1\n# TYPE a counter',
    "ends with a backslash\\",
    '"\'"',
    "# not a title",
    "- a\n- b",
    "| --- |",
    "[link](javascript:x) ![picture](y) <https://example.com>",
    "@everybody look: http://example.com/ :smile: $x$ ~~gone~~ **bold** _it_",
    "&" * 253,
    "|" * 253,
    "ü.example.com",
    "\N{GRINNING FACE}" * 20,
    "  spaces  ",
    "x" * 5000,
)
"""What breaks one form or another when it isn't escaped."""

WORDS = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
"""All of Unicode but surrogates, which no file can hold."""
_MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2199, 1, 1), timezones=st.just(UTC))
_SOME = st.lists(WORDS, max_size=3).map(tuple)
_SIZES = st.none() | st.integers(0, 2**50)
_HEALTHS = st.sampled_from(Health)

LIVES = st.builds(Life, WORDS, WORDS, _SOME, _MOMENTS, _MOMENTS, st.integers(-9999, 99999), WORDS, WORDS)
FINDINGS = st.builds(
    Problem,
    WORDS,
    WORDS,
    st.sampled_from(["", Where.HERE, Where.ON_THE_HOST]),
    st.sampled_from([Health.BAD, Health.UNKNOWN, Health.WARNING]),
)
HOSTS = st.builds(
    HostReport,
    name=WORDS,
    condition=st.sampled_from(Condition),
    groups=_SOME,
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    system=WORDS,
    runtimes=_SOME,
    stores=st.dictionaries(WORDS, _SOME, max_size=2),
    served=st.none() | LIVES,
    clock=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    stale=_SOME,
    drift=_SOME,
    changes=_SOME,
    notes=_SOME,
    verification=WORDS,
)
CERTIFICATES = st.builds(CertificateReport, WORDS, WORDS, WORDS, _HEALTHS, st.booleans(), st.none() | LIVES)
REPORTS = st.builds(
    Report,
    kind=st.sampled_from(Kind),
    site=WORDS,
    spec=WORDS,
    time=_MOMENTS,
    hosts=st.lists(HOSTS, max_size=3).map(tuple),
    certificates=st.lists(CERTIFICATES, max_size=2).map(tuple),
    registry=st.none() | st.builds(RegistryReport, WORDS, WORDS, WORDS, _HEALTHS, WORDS, WORDS, WORDS, *[_SIZES] * 4),
    rotation=st.none()
    | st.builds(RotationReport, WORDS, LIVES, _SOME, st.dictionaries(WORDS, WORDS, max_size=2), st.booleans(), WORDS),
    steps=st.lists(st.builds(StepReport, WORDS, _HEALTHS, WORDS), max_size=2).map(tuple),
    findings=st.lists(FINDINGS, max_size=2).map(tuple),
    finished=st.booleans(),
    version=WORDS,
)
