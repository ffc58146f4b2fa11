"""What was seen of a site and done to it, as one value that every form is made from. Pure: no host, no disk.

A status (``anchorline status``), a run (``pyinfra inventory deploy.py``) and a plan (``--dry``) end as the same report.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, ClassVar

from anchorline.characters import told
from anchorline.problem import Health, Problem


class Kind(StrEnum):
    """What the report is of."""

    STATUS = "status"
    RUN = "run"
    PLAN = "plan"


MOST = 200
"""Notes, changes, findings or names of one host or certificate; more are counted."""


@dataclass(frozen=True)
class Told:
    """Facts, of which some are what a host said: each is cleaned and shortened as it comes in, so that no form has to.
    ``inventory`` is the field that has a host's name there, by which it is found again: each form shows it in its way.
    """

    inventory: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.name != self.inventory:
                object.__setattr__(self, each.name, _told(getattr(self, each.name)))


def _told(value: Any) -> Any:
    match value:
        case Enum():
            return value
        case str():
            return told(value)
        case Mapping():
            return {_told(key): _told(each) for key, each in value.items()}
        case tuple() if len(value) > MOST:
            left = f"and {len(value) - MOST:,} more"
            last = replace(value[0], cause=left, fix="") if isinstance(value[0], Problem) else left
            return (*map(_told, value[:MOST]), last)
        case tuple():
            return tuple(map(_told, value))
    return value


WORST_FIRST = (Health.BAD, Health.UNKNOWN, Health.WARNING, Health.GOOD)


class Condition(StrEnum):
    """What a host came to, in a word."""

    AS_DECLARED = "as declared"
    VERIFIED = "verified"
    CHANGED = "changed"
    WOULD_CHANGE = "would change"
    ATTENTION = "attention"
    UNTOUCHED = "untouched"
    DIFFERS = "differs"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNREACHABLE = "unreachable"

    @property
    def health(self) -> Health:
        """The colour of the word."""
        return _HEALTH.get(self, Health.GOOD)

    @property
    def did_well(self) -> bool:
        """Whether a run did on the host what it was for."""
        return self.health not in (Health.BAD, Health.UNKNOWN)


_HEALTH = {
    Condition.WOULD_CHANGE: Health.WARNING,
    Condition.ATTENTION: Health.WARNING,
    Condition.UNTOUCHED: Health.WARNING,
    Condition.DIFFERS: Health.BAD,
    Condition.FAILED: Health.BAD,
    Condition.UNKNOWN: Health.UNKNOWN,
    Condition.UNREACHABLE: Health.UNKNOWN,
}


@dataclass(frozen=True)
class Life(Told):
    """A certificate with its life. ``generation`` says which CA issued it, or which one it is: ``present``, ``next``,
    ``previous``, or the first digits of one that ``pki/`` doesn't know. ``days`` are those left, negative when over."""

    name: str
    subject: str
    names: tuple[str, ...]
    begins: datetime
    ends: datetime
    days: int
    sha256: str
    generation: str = ""


@dataclass(frozen=True)
class CertificateReport:
    """The CA or a certificate as ``pki/`` has it. ``life`` is None for one that isn't there; ``state`` and ``reason``
    are those of ``anchorline pki show``; ``issues``: a deploy issues it, or has."""

    name: str
    state: str
    reason: str
    health: Health
    issues: bool
    life: Life | None = None


@dataclass(frozen=True)
class HostReport(Told):
    """One host. What the probe didn't tell is empty.

    ``stores`` has for each trust store in use the generations of the site's CA that it holds (the words of ``Life``).
    ``served`` is the certificate that the registry shows to this host. ``clock`` is how many seconds the host's is
    ahead. ``stale`` are processes that hold the roots of before. ``drift`` is what a deploy would change, ``changes``
    what this one did. ``verification`` is what was pushed and pulled.
    """

    inventory: ClassVar[str] = "name"
    name: str
    condition: Condition
    groups: tuple[str, ...] = ()
    findings: tuple[Problem, ...] = ()
    system: str = ""
    runtimes: tuple[str, ...] = ()
    stores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    served: Life | None = None
    clock: float | None = None
    stale: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    verification: str = ""


@dataclass(frozen=True)
class RotationReport:
    """Where a rotation of the CA stands. ``stage``: ``made`` (hosts are to trust ``ca``, the next one) or ``promoted``
    (``ca``, the previous one, is trusted still). ``seen`` and ``missing`` are hosts by the ledger, the latter with
    why. ``blocked``: a gate has waited for them. ``fix`` is the command that ends it."""

    stage: str
    ca: Life
    seen: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    blocked: bool = False
    words: str = ""
    fix: str = ""

    @property
    def message(self) -> str:
        """How it stands, and by what it ends."""
        return f"{self.words}; when nothing needs it: {self.fix}" if self.fix else self.words


@dataclass(frozen=True)
class RegistryReport(Told):
    """The registry on its host. Sizes are in KiB; what couldn't be told is None or empty."""

    inventory: ClassVar[str] = "host"
    host: str
    address: str
    mode: str
    health: Health
    words: str = ""
    version: str = ""
    image: str = ""
    used: int | None = None
    free: int | None = None
    repositories: int | None = None
    tags: int | None = None


@dataclass(frozen=True)
class StepReport:
    """One step of the way of the data, with how it stands: ``authority``, ``trust``, ``registry`` or ``verify``."""

    name: str
    health: Health
    words: str


_HOST = "--limit HOST "
_TYPED = 200
"""Characters that the hosts in a command take; where they take more, each has its turn."""


@dataclass(frozen=True)
class Cause:
    """Hosts that have the same thing wrong. The finding's command has ``HOST`` for the host's name. No ``hosts``: it
    concerns the site."""

    finding: Problem
    hosts: tuple[str, ...] = ()

    @property
    def fix(self) -> str:
        """The next step as it is typed: a command names a few hosts; for many it has ``HOST`` still."""
        limits = "".join(f"--limit {shlex.quote(each)} " for each in self.hosts)
        several = len(self.hosts) > 1 and len(limits) > _TYPED
        return self.finding.fix if several else self.finding.fix.replace(_HOST, limits)


@dataclass(frozen=True)
class Report:
    """A site at one moment. ``finished``: the probe or the run came to its end. ``findings`` concern no single host;
    ``words`` is what a plan or a run has to say as a whole."""

    kind: Kind
    site: str
    spec: str
    time: datetime
    hosts: tuple[HostReport, ...]
    certificates: tuple[CertificateReport, ...] = ()
    registry: RegistryReport | None = None
    rotation: RotationReport | None = None
    steps: tuple[StepReport, ...] = ()
    findings: tuple[Problem, ...] = ()
    finished: bool = True
    version: str = ""

    @property
    def counts(self) -> dict[Condition, int]:
        """How many hosts came to what, in the order of ``Condition``; what no host came to is left out."""
        found = [host.condition for host in self.hosts]
        return {each: found.count(each) for each in Condition if each in found}

    @property
    def causes(self) -> tuple[Cause, ...]:
        """All findings, the site's first, then the same ones of many hosts together, the worst and the most first."""
        alike: dict[Problem, list[str]] = {}
        for host in self.hosts:
            for finding in host.findings:
                alike.setdefault(without_name(finding, host.name), []).append(host.name)
        found = [Cause(finding) for finding in self.findings]
        found += [Cause(finding, tuple(hosts)) for finding, hosts in alike.items()]
        return tuple(sorted(found, key=lambda each: (WORST_FIRST.index(each.finding.health), -len(each.hosts))))

    @property
    def exit_code(self) -> int:
        """0: all as declared. 1: something isn't. 2: nothing is known to be wrong, but not all could be told.

        Of a run or a plan 1 as well: it hasn't done all that it was for.
        """
        healths = set(self._healths())
        if Health.BAD in healths:
            return 1
        lacks = Health.UNKNOWN in healths or not self.finished
        return (2 if self.kind is Kind.STATUS else 1) if lacks else 0

    def _healths(self) -> Iterator[Health]:
        yield from (host.condition.health for host in self.hosts)
        yield from (finding.health for finding in self.findings)


def without_name(finding: Problem, host: str) -> Problem:
    """The finding with ``HOST`` for the host's own name, so that it is the same as another host's."""
    typed = f"--limit {shlex.quote(host)} "
    return replace(finding, cause=finding.cause.replace(typed, _HOST), fix=finding.fix.replace(typed, _HOST))
