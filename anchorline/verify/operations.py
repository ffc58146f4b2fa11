"""The operation of verify: the round trip from one client."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from pyinfra import host

from anchorline.commands import without
from anchorline.fleet import (
    Answer,
    Commands,
    Fleet,
    Host,
    Kept,
    Run,
    Step,
    changing,
    failing,
    once,
    operation,
    state_folder,
)
from anchorline.problem import Problem
from anchorline.registry.desired import Instance
from anchorline.registry.probe import container, presented
from anchorline.trust.probe import trust_of, wanted
from anchorline.trust.stores.runtimes import RUNTIMES
from anchorline.verify.image import archive
from anchorline.verify.probe import stamp_of
from anchorline.verify.scripts import RoundTrip
from anchorline.verify.verification import REPOSITORY, means, message, read, stamp, tag

PATIENCE = 60
"""Seconds for each push and each pull: the image is of a few bytes."""


@dataclass
class Progress:
    """How far the verification of a run is: what one client pushed for all, which one, and who has made the trip."""

    digest: str = ""
    pusher: str = ""
    made: set[str] = field(default_factory=set)


@once
def progress(fleet: Fleet) -> Progress:  # noqa: ARG001
    """The progress of this run's verification."""
    return Progress()


@operation
def verify_host(*, pusher: bool) -> Commands:
    """Make the round trip from one client. Where it keeps the stamp of the same trip already, nothing is done.

    + pusher: this is the turn of the one client that pushes for all; the others wait for theirs
    """
    run, here = Run.here()
    fleet = run.fleet
    registry, declared = container(fleet), fleet.spec.registry
    if registry is None or declared is None or not fleet.reached(here) or here.name in progress(fleet).made:
        return
    if not is_due(fleet, registry, here) or (pusher and here.name != first_pusher(fleet, here)):
        host.noop("verified already" if not pusher else "another one pushes")
        return
    failures = [fleet.failures.get(each.name) for each in fleet.registry_hosts]
    if any(failure and failure.step is Step.REGISTRY for failure in failures):
        fleet.note(here, "not verified: the step registry failed")
        return
    ways = means(wanted(fleet), registry, trust_of(fleet, here))
    if not ways:
        problem = Problem(
            "nothing here can verify it: no runtime in use whose store is kept, and no curl", "install curl"
        )
        fleet.fail(here, Step.VERIFY, problem)
        yield failing(problem)
        return
    mode = fleet.spec.verify.push
    pushes = mode == "all" or (mode == "one" and not progress(fleet).digest)
    words = f"{fleet.spec.site} {here.name if mode == 'all' else 'all'}"
    reference = f"{declared.store_names[0]}/{REPOSITORY}"
    pusher_of_all = progress(fleet).pusher
    pulls = pusher_of_all and not pushes

    def keep(answer: Answer) -> None:
        verified, digest = read(answer.stdout)
        progress(fleet).made.add(here.name)
        if pushes and mode == "one":
            progress(fleet).digest, progress(fleet).pusher = digest, here.name
        fleet.verified[here.name] = message(verified)

    if not host.state.is_executing:
        fleet.changed(here, Step.VERIFY, "verify")
    yield changing(
        Step.VERIFY,
        RoundTrip(
            state=state_folder(fleet.spec.site),
            runtimes=ways,
            reference=reference,
            endpoint=str(declared.endpoint),
            leaf=presented(fleet, registry).leaf,
            scheme="https" if registry.tls else "http",
            tag=tag(words),
            push=pushes,
            delete=mode == "all",
            pushed=progress(fleet).digest,
            certs=RUNTIMES["containerd"].folder,
            patience=PATIENCE,
            stamp=expected(fleet, registry, here),
        ).text,
        stdin=base64.encodebytes(archive(f"{reference}:{tag(words)}", words)).decode() if pushes else "",
        timeout=PATIENCE * 8,
        then=keep,
        fix=f"if all fail so, look at {pusher_of_all}, which pushed: {without([pusher_of_all])}" if pulls else "",
    )


def expected(fleet: Fleet, registry: Instance, here: Host) -> str:
    """The stamp that a host keeps after the trip that is wanted now."""
    return stamp(wanted(fleet), registry, presented(fleet, registry).chain, trust_of(fleet, here))


def is_due(fleet: Fleet, registry: Instance, here: Host) -> bool:
    """Whether a host has to make the trip. In local mode only the registry's own host can."""
    concerned = registry.tls or fleet.runs_registry(here)
    return concerned and stamp_of(fleet, here) != expected(fleet, registry, here)


_FIRST: Kept[str] = Kept()
"""The host that would push, while a plan is made."""


def first_pusher(fleet: Fleet, here: Host) -> str:
    """The one that pushes for all: the first client with a container runtime that has to make the trip, or else the
    registry's own host, which crosses no network.

    While a plan is made not all are looked at yet: there it is the first that asks.
    """
    if not host.state.is_executing:
        first = _FIRST.of(fleet) or here.name
        _FIRST.keep(fleet, first)
        return first
    return _pusher(fleet)


@once
def _pusher(fleet: Fleet) -> str:
    registry = container(fleet)

    def can(each: Host) -> bool:
        return (
            registry is not None
            and fleet.reached(each)
            and means(wanted(fleet), registry, trust_of(fleet, each)) not in ((), ("curl",))
            and is_due(fleet, registry, each)
        )

    hosts = sorted(fleet.hosts.values(), key=fleet.runs_registry)
    return next((each.name for each in hosts if can(each)), "")
