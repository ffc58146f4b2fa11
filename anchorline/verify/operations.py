"""The operation of verify: the round trip from one client."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from pyinfra import host
from pyinfra.api import Host, operation

from anchorline.fleet import Answer, Commands, Run, changing, failing, state_folder
from anchorline.registry.desired import Instance
from anchorline.registry.probe import container, presented
from anchorline.trust.probe import trust_of, wanted
from anchorline.trust.stores.runtimes import RUNTIMES
from anchorline.verify.image import archive
from anchorline.verify.probe import stamp_of
from anchorline.verify.scripts import RoundTrip
from anchorline.verify.verification import REPOSITORY, means, message, read, stamp, tag

STEP = "verify"
PATIENCE = 60
"""Seconds for each push and each pull: the image is of a few bytes."""


@dataclass
class Progress:
    """How far the verification of a run is: what one client pushed for all, and who has made the trip."""

    digest: str = ""
    made: set[str] = field(default_factory=set)


def progress(run: Run) -> Progress:
    """The progress of this run's verification."""
    return run.once("the verification's progress", Progress)


@operation()
def verify_host(*, pusher: bool) -> Commands:
    """Make the round trip from one client. Where it keeps the stamp of the same trip already, nothing is done.

    + pusher: this is the turn of the one client that pushes for all; the others wait for theirs
    """
    here = host.state.inventory.get_host(host.name)
    run = Run.of(here)
    registry = container(run)
    declared = run.spec.registry
    if registry is None or declared is None or not run.reached(here) or here.name in progress(run).made:
        return
    if not is_due(run, registry, here) or (pusher and here.name != first_pusher(run, registry, here)):
        host.noop("verified already" if not pusher else "another one pushes")
        return
    failure = run.failures.get(run.registry_host.name)
    if failure and failure.step == "registry":
        run.note(here, "not verified: the step registry failed")
        return
    ways = means(wanted(run), registry, trust_of(run, here))
    if not ways:
        cause = "nothing here can verify it: no runtime in use whose store is kept, and no curl; install curl"
        run.fail(here, STEP, cause)
        yield failing(cause)
        return
    mode = run.spec.verify.push
    pushes = mode == "all" or (mode == "one" and not progress(run).digest)
    words = f"{run.spec.site} {here.name if mode == 'all' else 'all'}"
    reference = f"{declared.store_names[0]}/{REPOSITORY}"

    def keep(answer: Answer) -> None:
        verified, digest = read(answer.stdout)
        progress(run).made.add(here.name)
        progress(run).digest = digest if mode == "one" else ""
        run.verified[here.name] = message(verified)

    if not host.state.is_executing:
        run.changed(here, "verify")
    yield changing(
        STEP,
        RoundTrip(
            state=state_folder(run.spec.site),
            runtimes=ways,
            reference=reference,
            endpoint=str(declared.endpoints[0]),
            leaf=presented(run, registry).leaf,
            scheme="https" if registry.tls else "http",
            tag=tag(words),
            push=pushes,
            delete=mode == "all",
            pushed=progress(run).digest,
            certs=RUNTIMES["containerd"].folder,
            patience=PATIENCE,
            stamp=expected(run, registry, here),
        ).text,
        stdin=base64.encodebytes(archive(f"{reference}:{tag(words)}", words)).decode() if pushes else "",
        timeout=PATIENCE * 8,
        then=keep,
    )


def expected(run: Run, registry: Instance, here: Host) -> str:
    """The stamp that a host keeps after the trip that is wanted now."""
    return stamp(wanted(run), registry, presented(run, registry).chain, trust_of(run, here))


def is_due(run: Run, registry: Instance, here: Host) -> bool:
    """Whether a host has to make the trip. In local mode only the registry's own host can."""
    concerned = registry.tls or here.name == run.registry_host.name
    return concerned and stamp_of(run, here) != expected(run, registry, here)


def first_pusher(run: Run, registry: Instance, here: Host) -> str:
    """The one that pushes for all: the first client with a container runtime that has to make the trip, or else the
    registry's own host, which crosses no network.

    While a plan is made not all are looked at yet: there it is the first that asks.
    """
    if not host.state.is_executing:
        return run.once("who would push", lambda: here.name)

    def can(each: Host) -> bool:
        return (
            run.reached(each)
            and means(wanted(run), registry, trust_of(run, each)) not in ((), ("curl",))
            and is_due(run, registry, each)
        )

    hosts = sorted(run.state.inventory, key=lambda each: each.name == run.registry_host.name)
    return run.once("who pushes", lambda: next((each.name for each in hosts if can(each)), ""))
