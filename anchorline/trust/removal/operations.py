"""The verbs that take a CA away: their probe, what they refuse, and the operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyinfra import host

from anchorline.authority import Anchor, survey
from anchorline.authority.anchors import issued
from anchorline.authority.certificates import name_of
from anchorline.authority.generations import retire
from anchorline.authority.layout import NEXT, NEXT_CA, PREVIOUS_CA
from anchorline.characters import some
from anchorline.errors import AnchorlineError
from anchorline.fleet import (
    Answer,
    Commands,
    Fleet,
    Host,
    Kept,
    Probe,
    Question,
    Run,
    Step,
    changing,
    failing,
    for_the_fleet,
    once,
    operation,
    state_folder,
    stdin,
    words,
)
from anchorline.fleet.scripts import LOCK, REMEMBERED
from anchorline.problem import Problem
from anchorline.trust.observed import HOSTS
from anchorline.trust.operations import digests_of
from anchorline.trust.processes import stale
from anchorline.trust.processes.stale import Stamps
from anchorline.trust.removal.plan import ObservedAnchors, choose, digits, owned_files, places, read, removal
from anchorline.trust.scripts import AnchorsProbe, Layers, TrustProbe, Withdraw


def _ask(fleet: Fleet, here: Host) -> Question:
    registry = fleet.spec.tls_registry
    listen = registry.listen if registry and fleet.runs_registry(here) else None
    return Question(
        TrustProbe.of(fleet.spec.site, fleet.spec.trust.users).text
        + AnchorsProbe(
            site=fleet.spec.site,
            state=state_folder(fleet.spec.site),
            users=tuple(fleet.spec.trust.users),
            places=tuple(places()),
            owned_files=tuple(owned_files(fleet.spec.site)),
            listen=str(listen.nearby) if listen else "",
            port=str(listen.port) if listen else "",
        ).body,
    )


def _read(fleet: Fleet, lines: Sequence[str]) -> ObservedAnchors:
    return read(lines, fleet.spec.site)


def _observed(fleet: Fleet) -> Mapping[str, ObservedAnchors]:
    return fleet.saw(WITHDRAW)


@once
def _declared(fleet: Fleet) -> dict[str, tuple[Anchor, str]]:
    """The CAs that the spec asks for, by SHA-256, with where it does. Reads no key, and makes nothing."""
    site, there = fleet.spec.site, survey(fleet.spec)
    found = [(each, "`trust: {also: ...}`") for each in there.also()]
    found += [(there.chain.root, "`authority`")] if there.chain else []
    found += [
        (chain.root, f"`{fleet.spec.pki / NEXT}`") for name, chain in there.generations.items() if name == NEXT_CA
    ]
    return {anchor.sha256: (anchor, where) for each, where in found for anchor in [Anchor.of(site, each)]}


_TARGET: Kept[tuple[int, str]] = Kept()
"""The CA that goes, with how many hosts had been probed when it was chosen."""


def _target(fleet: Fleet) -> str:
    """The SHA-256 of the CA that shall go, by what was seen so far."""
    known, count = _TARGET.of(fleet), len(fleet.observations)
    if known is None or known[0] != count:
        known = count, choose(digits(fleet.ca), _observed(fleet), _declared(fleet))
        _TARGET.keep(fleet, known)
    return known[1]


def _certificate(fleet: Fleet, sha: str) -> x509.Certificate | None:
    """The CA itself, from the spec or from any host that has it in a file of ours."""
    if sha in _declared(fleet):
        return x509.load_pem_x509_certificate(_declared(fleet)[sha][0].pem.encode())
    ders = (der for observed in _observed(fleet).values() for der in observed.certificates.values())
    found = next((der for der in ders if sha256(der).hexdigest() == sha), None)
    return x509.load_der_x509_certificate(found) if found else None


def _known(fleet: Fleet) -> Iterable[Problem]:
    """Distrust asks one thing alone: that the CA is one."""
    try:
        _target(fleet)
    except AnchorlineError as error:
        yield from error.problems


def _unneeded(fleet: Fleet) -> Iterable[Problem]:
    """A CA may go when the spec doesn't ask for it any more, and nothing that is served ends in it."""
    try:
        sha = _target(fleet)
    except AnchorlineError as error:
        yield from error.problems
        return
    holders = [name for name, observed in _observed(fleet).items() if sha in observed.digests]
    if sha in _declared(fleet):
        anchor, where = _declared(fleet)[sha]
        yield Problem(
            f"the spec still declares {anchor.subject} ({sha[:12]}) in {where}, and {some(holders)} "
            f"hold{'s' if len(holders) == 1 else ''} it",
            f"take it out there first, or, in an emergency, {_anyway(fleet, sha)}",
        )
    if fleet.spec.tls_registry and holders:
        yield from _served(fleet, sha, holders)


def _anyway(fleet: Fleet, sha: str) -> str:
    """What asks neither the spec nor the registry's host. All digits, for no host can claim another CA of those."""
    return fleet.command(f"anchorline.trust.distrust --data ca={sha}")


def _served(fleet: Fleet, sha: str, holders: Sequence[str]) -> Iterable[Problem]:
    """What the registry serves and ends in this CA."""
    authority = _certificate(fleet, sha)
    for here in fleet.registry_hosts:
        if not fleet.reached(here):
            yield Problem(
                f"the registry's host {here.name} wasn't looked at, and what it serves may end in this CA",
                f"bring it up, or take it into --limit; or, in an emergency, {_anyway(fleet, sha)}",
            )
            continue
        for leaf in fleet.seen(WITHDRAW, here).served:
            if authority and leaf != authority and issued(leaf, authority):
                yield Problem(
                    f"{here.name} serves {name_of(leaf)}, which ends in this CA, and {some(holders)} "
                    f"trust{'s' if len(holders) == 1 else ''} it",
                    f"serve a certificate of another CA first, or, in an emergency, {_anyway(fleet, sha)}",
                )


WITHDRAW = Probe("withdrawal", _ask, _read, _unneeded)
DISTRUST = Probe("withdrawal", _ask, _read, _known)


@once
def has_previous(fleet: Fleet) -> bool:
    """Whether ``pki/`` has a CA that another took the place of."""
    return any(each.name == PREVIOUS_CA for each in survey(fleet.spec).other_generations)


@operation
def put_away() -> Commands:
    """Put the CA away in ``pki/`` where it is the previous one, once and ahead of all hosts: so no deploy brings it
    back to a host that was rid of it."""
    yield from for_the_fleet(_put_away)


def _put_away(fleet: Fleet) -> None:
    retire(fleet.spec, _target(fleet))


@operation
def remove(*, ban: bool) -> Commands:
    """Take a CA of the site away from one host, completely, and ask the host's own store afterwards.

    + ban: whether the host shall distrust it as well, whoever vouches for it, where it has a place to say so
    """
    run, here = Run.here()
    fleet = run.fleet
    if not fleet.reached(here):
        return
    has = fleet.seen(WITHDRAW, here)
    for each in has.unread:
        fleet.note(here, f"passed over: {each}")
    try:
        sha = _target(fleet)
    except AnchorlineError:
        if run.probed_all:
            raise
        # the others are still being asked which CA that is, and the plan is judged with the last of them
        host.noop("doesn't hold it")
        return
    authority = _certificate(fleet, sha)
    pem = authority.public_bytes(Encoding.PEM).decode() if authority else ""
    change = removal(has, fleet.spec.site, sha, pem if ban else "")
    if change.problem:
        fleet.fail(here, Step.WITHDRAW, change.problem)
        yield failing(change.problem)
        return
    if not change:
        host.noop("doesn't hold it")
        return
    subject = f"{authority.subject.rfc4514_string()} " if authority else ""
    summary = f"{'distrusted' if ban else 'withdrawn'}: {subject}({sha[:12]}) from {', '.join(change.what)}"
    if not host.state.is_executing:
        fleet.changed(here, Step.WITHDRAW, summary)

    def told(answer: Answer) -> None:
        fleet.changed(here, Step.WITHDRAW, summary)
        said = words.read(answer.stdout)
        for (path,) in said.get("still", ()):
            fleet.note(here, f"still trusted, not by us: {path}")
        for why in said.get("passed", ()):
            fleet.note(here, f"passed over: {' '.join(why)}")
        for note in stale.message(stale.read(said.get("stale", ())), ()):
            fleet.note(here, note)

    family = has.trust.family
    yield changing(
        Step.WITHDRAW,
        Withdraw(
            site=fleet.spec.site,
            ca=sha,
            stamps=Stamps.of(fleet.spec.site),
            layers=Layers.of(family),
            lock=LOCK,
            state=state_folder(fleet.spec.site),
            gone=change.gone,
            restored=change.restored,
            unchanged=digests_of(change.unchanged),
            tasks=change.tasks,
            pems=(),
            nicknames=(),
            update=change.update,
            last=change.last,
            remembered=REMEMBERED,
            hosts=HOSTS,
            hosts_line="",
            certificate=pem,
            vendors=":".join(family.sources) if family else "",
            ban=ban,
            summary=summary,
        ).text,
        stdin=stdin(change.files),
        then=told,
    )
