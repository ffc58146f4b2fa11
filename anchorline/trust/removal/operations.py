"""The verbs that take a CA away: their look, what they refuse, and the operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyinfra import host
from pyinfra.api import Host, operation

from anchorline.authority import Anchor, survey
from anchorline.authority.anchors import issued
from anchorline.authority.generations import retire
from anchorline.authority.store import NEXT, NEXT_CA, PREVIOUS_CA
from anchorline.authority.survey import also
from anchorline.errors import AnchorlineError
from anchorline.fleet import (
    Answer,
    Commands,
    Probe,
    Question,
    Run,
    RunError,
    changing,
    failing,
    for_the_fleet,
    script,
    state_folder,
    stdin,
)
from anchorline.fleet.steps import Step
from anchorline.problem import Problem
from anchorline.trust.observed import HOSTS
from anchorline.trust.operations import CHANGING, digests_of
from anchorline.trust.probe import layers, probe
from anchorline.trust.processes import stale
from anchorline.trust.removal.plan import ObservedAnchors, choose, digits, owned_files, places, read, removal, some

STEP = Step.WITHDRAW
SOURCES = (*CHANGING, "trust/removal/withdraw.sh")


def _ask(run: Run, here: Host) -> Question:
    registry = run.spec.registry
    serves = registry is not None and registry.mode == "remote" and here.name == run.registry_host.name
    listen = registry.listen if registry and serves else None
    return Question(
        probe(run.spec)
        + script(
            "trust/used.sh",
            "trust/removal/probe.sh",
            site=run.spec.site,
            users=list(run.spec.trust.users),
            places=places(),
            owned_files=owned_files(run.spec.site),
            listen=str(listen.nearby) if listen else "",
            port=str(listen.port) if listen else "",
        ),
    )


def _read(run: Run, lines: Sequence[str]) -> ObservedAnchors:
    return read(lines, run.spec.site)


def _observed(run: Run) -> Mapping[str, ObservedAnchors]:
    return {name: seen["withdrawal"] for name, seen in run.observations.items()}


def _declared(run: Run) -> dict[str, tuple[Anchor, str]]:
    """The CAs that the spec asks for, by SHA-256, with where it does. Reads no key, and makes nothing."""
    return run.once("the CAs that the spec asks for", lambda: _read_declared(run))


def _read_declared(run: Run) -> dict[str, tuple[Anchor, str]]:
    site, there = run.spec.site, survey(run.spec)
    found = [(each, "`trust: {also: ...}`") for each in also(run.spec, datetime.now(UTC))]
    found += [(there.chain.root, "`authority`")] if there.chain else []
    found += [(chain.root, f"`{run.spec.pki / NEXT}`") for name, chain in there.generations.items() if name == NEXT_CA]
    return {anchor.sha256: (anchor, where) for each, where in found for anchor in [Anchor.of(site, each)]}


def _target(run: Run) -> str:
    """The SHA-256 of the CA that shall go, by what was seen so far."""
    word = digits(next(iter(run.state.inventory)).data.get("ca"))
    return run.once(
        f"the CA that goes, after {len(run.observations)} hosts",
        lambda: choose(word, _observed(run), _declared(run)),
    )


def _certificate(run: Run, sha: str) -> x509.Certificate | None:
    """The CA itself, from the spec or from any host that has it in a file of ours."""
    if sha in _declared(run):
        return x509.load_pem_x509_certificate(_declared(run)[sha][0].pem.encode())
    ders = (der for observed in _observed(run).values() for der in observed.certificates.values())
    found = (x509.load_der_x509_certificate(der) for der in ders if der.startswith(b"0"))
    return next((each for each in found if Anchor.of("", each).sha256 == sha), None)


def _known(run: Run) -> Iterable[Problem]:
    """Distrust asks one thing alone: that the CA is one."""
    try:
        _target(run)
    except AnchorlineError as error:
        yield from error.problems


def _unneeded(run: Run) -> Iterable[Problem]:
    """A CA may go when the spec doesn't ask for it any more, and nothing that is served ends in it."""
    try:
        sha = _target(run)
    except AnchorlineError as error:
        yield from error.problems
        return
    holders = [name for name, observed in _observed(run).items() if sha in observed.digests]
    if sha in _declared(run):
        anchor, where = _declared(run)[sha]
        yield Problem(
            f"the spec still declares {anchor.subject} ({sha[:12]}) in {where}, and {some(holders)} "
            f"hold{'s' if len(holders) == 1 else ''} it",
            "take it out there first, or, in an emergency, "
            f"{run.command(f'anchorline.trust.distrust --data ca={sha[:12]}')}",
        )
    registry = run.spec.registry
    if registry is None or registry.mode != "remote" or not holders:
        return
    if not run.reached(run.registry_host):
        yield Problem(
            f"the registry's host {run.registry_host.name} wasn't looked at, and what it serves may end in this CA",
            "bring it up, or take it into --limit",
        )
        return
    authority = _certificate(run, sha)
    for der in _observed(run)[run.registry_host.name].served:
        leaf = x509.load_der_x509_certificate(der)
        if authority and leaf != authority and issued(leaf, authority):
            yield Problem(
                f"{run.registry_host.name} serves {leaf.subject.rfc4514_string()}, which ends in this CA, and "
                f"{some(holders)} trust{'s' if len(holders) == 1 else ''} it",
                "serve a certificate of another CA first",
            )


WITHDRAW = Probe("withdrawal", _ask, _read, _unneeded)
DISTRUST = Probe("withdrawal", _ask, _read, _known)


def has_previous(run: Run) -> bool:
    """Whether ``pki/`` has a CA that another took the place of."""
    return run.once(
        "the previous CA", lambda: any(each.name == PREVIOUS_CA for each in survey(run.spec).other_generations)
    )


@operation()
def put_away() -> Commands:
    """Put the CA away in ``pki/`` where it is the previous one, once and ahead of all hosts: so no deploy brings it
    back to a host that was rid of it."""
    yield from for_the_fleet("put the CA away", lambda run: retire(run.spec, _target(run)))


@operation()
def remove(*, ban: bool) -> Commands:
    """Take a CA of the site away from one host, completely, and ask the host's own store afterwards.

    + ban: whether the host shall distrust it as well, whoever vouches for it, where it has a place to say so
    """
    here = host.state.inventory.get_host(host.name)
    run = Run.of(here)
    if not run.reached(here):
        return
    has: ObservedAnchors = run.observations[here.name]["withdrawal"]
    try:
        sha = _target(run)
    except RunError:
        if run.gathered_all:
            raise
        # the others are still being asked which CA that is, and the plan is judged with the last of them
        host.noop("doesn't hold it")
        return
    authority = _certificate(run, sha)
    pem = authority.public_bytes(Encoding.PEM).decode() if authority else ""
    change = removal(has, run.spec.site, sha, pem if ban else "")
    if change.problem:
        run.fail(here, STEP, change.problem)
        yield failing(change.problem)
        return
    if not change:
        host.noop("doesn't hold it")
        return
    subject = f"{authority.subject.rfc4514_string()} " if authority else ""
    summary = f"{'distrusted' if ban else 'withdrawn'}: {subject}({sha[:12]}) from {', '.join(change.what)}"
    if not host.state.is_executing:
        run.changed(here, summary)

    def told(answer: Answer) -> None:
        run.changed(here, summary)
        for line in answer.stdout:
            if line.startswith("still "):
                run.note(here, f"still trusted, not by us: {line.removeprefix('still ')}")
        lines = [line.removeprefix("stale ") for line in answer.stdout if line.startswith("stale ")]
        for note in stale.message(stale.read(lines), ()):
            run.note(here, note)

    family = has.trust.family
    yield changing(
        STEP,
        script(
            *SOURCES,
            site=run.spec.site,
            digest=sha,
            **stale.variables(run.spec.site),
            state=state_folder(run.spec.site),
            gone=change.gone,
            restored=change.restored,
            unchanged=digests_of(change.unchanged),
            tasks=change.tasks,
            pems="",
            nicknames="",
            update=change.update,
            last="yes" if change.last else "",
            hosts=HOSTS,
            hosts_line="",
            pem=pem,
            sources=":".join(family.sources) if family else "",
            ban="yes" if ban else "",
            summary=summary,
            **layers(family),
        ),
        stdin=stdin(change.files),
        then=told,
    )
