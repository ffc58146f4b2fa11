"""What a report says of a site as a whole: its certificates, a rotation, the registry, and each step's state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from anchorline.authority import sightings
from anchorline.authority.certificates import fingerprint, name_of
from anchorline.authority.generations import withdrawal
from anchorline.authority.layout import NEXT_CA, PREVIOUS_CA
from anchorline.authority.operations import explicit
from anchorline.authority.plan import TO_ISSUE, CertificateStatus, State
from anchorline.authority.survey import Survey
from anchorline.commands import anchorline
from anchorline.fleet import Fleet
from anchorline.fleet.steps import Step
from anchorline.problem import Health, Place, Problem, Where
from anchorline.registry.probe import PROBE as REGISTRY
from anchorline.registry.probe import container, observed_registry
from anchorline.report.hosts import DEPLOY, View, has_verified, life_of
from anchorline.report.model import (
    WORST_FIRST,
    CertificateReport,
    Condition,
    HostReport,
    Kind,
    RegistryReport,
    RotationReport,
    StepReport,
)
from anchorline.report.probe import PROBE
from anchorline.report.words import remaining
from anchorline.trust.probe import PROBE as TRUST
from anchorline.trust.probe import clocks_against_us, trusts, wanted

_STAGES = {NEXT_CA: "made", PREVIOUS_CA: "promoted"}


def certificates(found: Survey, view: View) -> tuple[CertificateReport, ...]:
    """The CA, its other generations, and each certificate, as ``pki/`` has them."""
    return tuple(
        CertificateReport(
            status.name,
            str(status.state),
            status.reason,
            _health(status),
            _issues(status),
            life_of(status.name, status.certificate, view) if status.certificate else None,
        )
        for status in found.statuses
    )


def _issues(status: CertificateStatus) -> bool:
    return status.state in TO_ISSUE and status.problem is None


def _health(status: CertificateStatus) -> Health:
    if status.problem or status.state in TO_ISSUE:
        return Health.BAD
    return Health.WARNING if status.reason else Health.GOOD


def rotation(found: Survey, fleet: Fleet, view: View) -> RotationReport | None:
    """Where a rotation stands, by the ledger and the inventory. None where there is none."""
    name = next((each for each in (NEXT_CA, PREVIOUS_CA) if each in found.generations), None)
    if name is None:
        return None
    root = found.generations[name].root
    ca = life_of(name_of(root), root, view)
    if name == PREVIOUS_CA:
        away = withdrawal(ca.sha256, fleet.file, fleet.inventory)
        return RotationReport(_STAGES[name], ca, words=f"hosts trust {ca.subject} still", fix=away)
    rule, noted = found.spec.rotation, sightings.read(found.store, fingerprint(root))
    hosts = [each.name for each in fleet.hosts.values() if each.name not in rule.without]
    seen = tuple(each for each in hosts if each in noted and noted[each].counts(rule, view.now))
    why = {each: noted[each].why or "seen too long ago" if each in noted else "never seen" for each in hosts}
    missing = {each: why[each] for each in hosts if each not in seen}
    words = f"{len(seen)} of {len(hosts)} hosts have been seen to trust {ca.subject}"
    return RotationReport(_STAGES[name], ca, seen, missing, blocked=bool(noted and missing), words=words)


def registry(fleet: Fleet, hosts: Sequence[HostReport], kind: Kind) -> RegistryReport | None:
    """The registry that the spec declares. None where its host isn't among those that were to be looked at, or the run
    is about something else."""
    wanted = container(fleet)
    if wanted is None or not _asked(fleet, kind, Step.REGISTRY):
        return None
    (here,) = fleet.registry_hosts
    host = next((each for each in hosts if each.name == here.name), None)
    if host is None:
        return None
    address, mode = str(wanted.address), "remote" if wanted.tls else "local"
    if not fleet.has_seen(REGISTRY, here):
        return RegistryReport(here.name, address, mode, Health.UNKNOWN, "its host couldn't be looked at")
    has, holds = observed_registry(fleet, here), fleet.seen(PROBE, here) if fleet.has_seen(PROBE, here) else None
    changed = any(each.step is Step.REGISTRY for each in fleet.changes.get(here.name, ()))
    well = not (has.health or has.runtime_problem) or (changed and host.condition is Condition.CHANGED)
    words = "serves" if well else has.runtime_problem.cause if has.runtime_problem else has.health
    return RegistryReport(
        here.name,
        address,
        mode,
        Health.GOOD if well else Health.BAD,
        words,
        holds.version if holds else "",
        wanted.image,
        holds.used if holds else None,
        has.free,
        holds.repositories if holds else None,
        holds.tags if holds else None,
    )


def findings(fleet: Fleet, found: Survey, turning: RotationReport | None) -> Iterator[Problem]:
    """What isn't as declared and concerns no single host."""
    by = anchorline("pki issue", fleet.file) if explicit(fleet) else fleet.command(DEPLOY)
    for each in found.statuses:
        subject = f"{each.name} is {each.state}"
        if _issues(each):
            first = "pki/ has no CA yet" if each.name == "ca" and each.state is State.MISSING else each.reason
            yield Problem(f"{subject}: {first}", by, Where.HERE)
        elif each.problem:
            yield from (_told_of(subject, problem) for problem in each.problems)
        elif each.reason:
            yield Problem(f"{each.name}: {each.reason}", health=Health.WARNING)
    if turning and turning.missing:
        cause = (
            f"rotation: {'blocked, ' if turning.blocked else ''}{turning.words}; missing "
            f"{sightings.reasons(turning.missing)}; {sightings.waived(turning.missing)}"
        )
        yield Problem(cause, fleet.command(DEPLOY), Where.HERE, Health.BAD if turning.blocked else Health.WARNING)
    elif turning:
        fix = turning.fix or fleet.command(DEPLOY)
        yield Problem(f"rotation: {turning.words}", fix, Where.HERE, Health.WARNING)
    if why := clocks_against_us(fleet):
        yield why


def steps(
    fleet: Fleet,
    of: Sequence[CertificateReport],
    hosts: Sequence[HostReport],
    serves: RegistryReport | None,
    kind: Kind,
) -> Iterator[StepReport]:
    """The way of the data: authority, trust, registry, verify; those that the site has and the run was about."""
    if of:
        yield StepReport(Step.AUTHORITY, _worst([each.health for each in of]), _few([*map(_life, of)]))
    if (fleet.spec.authority or wanted(fleet).anchors) and _asked(fleet, kind, Step.TRUST):
        yield _trust(fleet, hosts)
    if serves:
        yield StepReport(Step.REGISTRY, serves.health, f"{serves.address}: {serves.words}")
    if container(fleet) and _asked(fleet, kind, Step.VERIFY):
        yield _verification(fleet, hosts)


def _asked(fleet: Fleet, kind: Kind, step: Step) -> bool:
    """Whether the run was about a step at all. A status is about every one, also where no host could be asked."""
    return kind is Kind.STATUS or step in fleet.probes


def _life(certificate: CertificateReport) -> str:
    life = certificate.life
    return f"{certificate.name}: {remaining(life.days)}" if life else f"{certificate.name}: {certificate.state}"


def _trust(fleet: Fleet, hosts: Sequence[HostReport]) -> StepReport:
    known = [each for each in hosts if fleet.has_seen(TRUST, fleet.hosts[each.name])]
    whole = [each for each in known if _is_whole(fleet, each)]
    words = f"{len(whole)} of {len(hosts)} hosts hold the CA in every store"
    if len(whole) == len(hosts):
        return StepReport(Step.TRUST, Health.GOOD, words)
    return StepReport(Step.TRUST, Health.BAD if len(whole) < len(known) else Health.UNKNOWN, words)


def _is_whole(fleet: Fleet, host: HostReport) -> bool:
    """Whether a host trusts what it should. Without a CA of the site's own, or a store in use, there are no generations
    to tell it by."""
    if fleet.spec.authority and host.stores:
        return all("present" in held for held in host.stores.values())
    return trusts(fleet, fleet.hosts[host.name])


def _verification(fleet: Fleet, hosts: Sequence[HostReport]) -> StepReport:
    wanted = container(fleet)
    concerned = [each for each in hosts if wanted and (wanted.tls or fleet.runs_registry(fleet.hosts[each.name]))]
    gathered = [each for each in concerned if each.name in fleet.observations]
    verified = [each for each in gathered if each.verification or (not each.changes and has_verified(fleet, each.name))]
    words = f"{len(verified)} of {len(concerned)} hosts have pulled what is served now"
    if len(verified) == len(concerned):
        return StepReport(Step.VERIFY, Health.GOOD, words)
    return StepReport(Step.VERIFY, Health.BAD if len(verified) < len(gathered) else Health.UNKNOWN, words)


def _worst(healths: Sequence[Health]) -> Health:
    return next(each for each in WORST_FIRST if each in healths)


def _few(words: Sequence[str]) -> str:
    return "; ".join(words[:3]) + (f"; and {len(words) - 3} more" if len(words) > 3 else "")


def _told_of(subject: str, problem: Problem) -> Problem:
    """A problem of a file of ``pki/`` among those of the site: the file is named in the cause, the fix stays a fix."""
    if not isinstance(problem.where, Place):
        return problem.about(subject)
    return replace(problem.about(str(problem.where)).about(subject), where=Where.NOWHERE)
