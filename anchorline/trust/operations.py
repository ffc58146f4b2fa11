"""The operation of trust: one host's stores, in one command."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import PurePosixPath

from pyinfra import host

from anchorline.authority import sightings
from anchorline.authority.operations import explicit, next_of
from anchorline.authority.store import Store
from anchorline.fleet import (
    Answer,
    Commands,
    File,
    Fleet,
    Host,
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
from anchorline.fleet.scripts import LOCK, STATE
from anchorline.trust.observed import HOSTS
from anchorline.trust.plan import to_put
from anchorline.trust.probe import body, plan_of, trust_of, trusting, wanted
from anchorline.trust.processes.stale import Process, Stamps, exempt, message, read
from anchorline.trust.scripts import ApplyTrust, Layers, nicknames


@once
def outdated(fleet: Fleet) -> dict[str, tuple[Process, ...]]:  # noqa: ARG001
    """By host, the processes that hold the roots of before, as this run last saw them."""
    return {}


@operation
def keep() -> Commands:
    """Make one host trust the site's CAs, in its system's store and in every runtime's that is in use.

    Adds and repairs; removes nothing. The system's own bundle is asked afterwards, and a no fails the host.
    """
    run, here = Run.here()
    fleet = run.fleet
    if not fleet.reached(here):
        return
    has = trust_of(fleet, here)
    change = plan_of(fleet, here)
    for note in change.notes:
        fleet.note(here, note)
    if change.problem:
        fleet.fail(here, Step.TRUST, change.problem)
        yield failing(change.problem)
        return
    kept = exempt(wanted(fleet).stores, has.tools) if wanted(fleet).names else set()

    def tell_of(processes: Iterable[Process]) -> None:
        outdated(fleet)[here.name] = tuple(processes)
        for note in message(outdated(fleet)[here.name], kept):
            fleet.note(here, note)

    if not change:
        tell_of(has.stale)
        if host.state.is_executing:
            trusting(fleet).add(here.name)
        host.noop("trusts what it should")
        return
    family = has.family
    summary = ", ".join(change.what) or "marker"
    if not host.state.is_executing:
        fleet.changed(here, Step.TRUST, summary)

    def done(answer: Answer) -> None:
        trusting(fleet).add(here.name)
        fleet.changed(here, Step.TRUST, summary)
        said = words.read(answer.stdout)
        for why in said.get("passed", ()):
            fleet.note(here, f"passed over: {' '.join(why)}")
        tell_of(read(said.get("stale", ())))

    yield changing(
        Step.TRUST,
        ApplyTrust(
            site=fleet.spec.site,
            state=state_folder(fleet.spec.site),
            stamps=Stamps.of(fleet.spec.site),
            layers=Layers.of(family),
            lock=LOCK,
            folders=folders((*change.files, *change.merged)),
            merged=tuple(file.path for file in change.merged),
            unchanged=digests_of(change.unchanged),
            tasks=change.tasks,
            pems=tuple(f"{anchor.name} {body(anchor.pem)}" for anchor in wanted(fleet).anchors if change.tasks),
            nicknames=nicknames(wanted(fleet).anchors),
            hosts=HOSTS,
            update=change.update,
            anchors=tuple(family.path(anchor.name) for anchor in to_put(has, wanted(fleet))) if family else (),
            digests=tuple(anchor.sha256 for anchor in wanted(fleet).anchors),
            hosts_line=change.hosts_line,
            summary=summary,
        ).text,
        stdin=stdin((*change.files, *change.merged)),
        then=done,
    )


@operation
def note() -> Commands:
    """Note in ``pki/`` who has been seen to trust the next CA, once for the whole fleet. Not where the pipeline's
    checkout doesn't last."""
    run, _ = Run.here()
    if not explicit(run.fleet):
        yield from for_the_fleet(_note)


def _note(fleet: Fleet) -> None:
    now, store, digest = datetime.now(UTC), Store(fleet.spec.pki), next_of(fleet)
    noted = sightings.news(sightings.read(store, digest), reasons_unseen(fleet), digest, fleet.spec.rotation, now)
    if noted:
        sightings.write(store, noted)


def reasons_unseen(fleet: Fleet) -> dict[str, str]:
    """Every host of the inventory, with why it wasn't seen in this run to trust what it should, or nothing."""
    return {each.name: "" if each.name in trusting(fleet) else _unseen(fleet, each) for each in fleet.hosts.values()}


def _unseen(fleet: Fleet, here: Host) -> str:
    failure = fleet.failures.get(here.name)
    if failure:
        return failure.problem.about(failure.step).cause
    if not here.in_limit:
        return "left out by --limit"
    return "its stores weren't looked after in this run" if here.connected else "it can't be reached"


def digests_of(files: Iterable[File]) -> tuple[str, ...]:
    """What files of others were when they were looked at, as merged.sh reads it. A mode of ``-``: not there."""
    return tuple(f"{'-' if file.mode == '-' else file.sha256} {file.path}" for file in files)


def folders(files: Iterable[File]) -> tuple[str, ...]:
    """Every folder above these files, from the top, the host's memory aside."""
    paths = (PurePosixPath(file.path).parents for file in files if not file.path.startswith(f"{STATE}/"))
    return tuple(sorted({str(each) for parents in paths for each in parents}))
