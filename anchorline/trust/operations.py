"""The operation of trust: one host's stores, in one command."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import PurePosixPath

from pyinfra import host
from pyinfra.api import Host, operation

from anchorline.authority import sightings
from anchorline.authority.operations import explicit, next_of
from anchorline.authority.store import Store
from anchorline.fleet import Answer, Commands, File, Run, changing, failing, for_the_fleet, script, state_folder, stdin
from anchorline.fleet.scripts import STATE
from anchorline.fleet.steps import Step
from anchorline.trust.observed import HOSTS
from anchorline.trust.plan import difference, to_put
from anchorline.trust.probe import body, layers, nicknames, trust_of, wanted
from anchorline.trust.processes.stale import Process, exempt, message, read, variables

STEP = Step.TRUST
CHANGING = (
    "fleet/shell/receive.sh",
    "trust/stores/layers.sh",
    "trust/hosts.sh",
    "trust/processes/stale.sh",
    "trust/used.sh",
    "trust/stores/merged.sh",
    "trust/stores/keystores.sh",
)
"""What every change of a host's stores is put together from."""
SOURCES = (*CHANGING, "trust/apply.sh")


def trusting(run: Run) -> set[str]:
    """The hosts that were seen in this run to trust all that they should."""
    return run.once("who trusts what it should", set)


def outdated(run: Run) -> dict[str, tuple[Process, ...]]:
    """By host, the processes that hold the roots of before, as this run last saw them."""
    return run.once("processes with the roots of before", dict)


@operation()
def keep() -> Commands:
    """Make one host trust the site's CAs, in its system's store and in every runtime's that is in use.

    Adds and repairs; removes nothing. The system's own bundle is asked afterwards, and a no fails the host.
    """
    here = host.state.inventory.get_host(host.name)
    run = Run.of(here)
    if not run.reached(here):
        return
    has = trust_of(run, here)
    change = difference(has, wanted(run))
    for note in change.notes:
        run.note(here, note)
    if change.problem:
        run.fail(here, STEP, change.problem)
        yield failing(change.problem)
        return
    kept = exempt(wanted(run).stores, has.tools) if wanted(run).names else set()

    def tell_of(processes: Iterable[Process]) -> None:
        outdated(run)[here.name] = tuple(processes)
        for note in message(outdated(run)[here.name], kept):
            run.note(here, note)

    if not change:
        tell_of(has.stale)
        if host.state.is_executing:
            trusting(run).add(here.name)
        host.noop("trusts what it should")
        return
    family = has.family
    summary = ", ".join(change.what) or "marker"
    if not host.state.is_executing:
        run.changed(here, summary)

    def done(answer: Answer) -> None:
        trusting(run).add(here.name)
        run.changed(here, summary)
        tell_of(read([line.removeprefix("stale ") for line in answer.stdout if line.startswith("stale ")]))

    yield changing(
        STEP,
        script(
            *SOURCES,
            site=run.spec.site,
            state=state_folder(run.spec.site),
            **variables(run.spec.site),
            folders=folders((*change.files, *change.merged)),
            merged=[file.path for file in change.merged],
            unchanged=digests_of(change.unchanged),
            tasks=change.tasks,
            pems=[f"{anchor.name} {body(anchor.pem)}" for anchor in wanted(run).anchors if change.tasks],
            nicknames=nicknames(wanted(run).anchors),
            hosts=HOSTS,
            update=change.update,
            anchors=[family.path(anchor.name) for anchor in to_put(has, wanted(run))] if family else [],
            digests=" ".join(anchor.sha256 for anchor in wanted(run).anchors),
            **layers(family),
            hosts_line=change.hosts_line,
            summary=summary,
        ),
        stdin=stdin((*change.files, *change.merged)),
        then=done,
    )


@operation()
def note() -> Commands:
    """Note in ``pki/`` who has been seen to trust the next CA, once for the whole fleet. Not where the pipeline's
    checkout doesn't last."""
    if not explicit(Run.of(host.state.inventory.get_host(host.name))):
        yield from for_the_fleet("note who was seen", _note)


def _note(run: Run) -> None:
    now, store, digest = datetime.now(UTC), Store(run.spec.pki), next_of(run)
    noted = sightings.news(sightings.read(store, digest), reasons_unseen(run), digest, run.spec.rotation, now)
    if noted:
        sightings.write(store, noted)


def reasons_unseen(run: Run) -> dict[str, str]:
    """Every host of the inventory, with why it wasn't seen in this run to trust what it should, or nothing."""
    return {each.name: "" if each.name in trusting(run) else _unseen(run, each) for each in run.state.inventory}


def _unseen(run: Run, here: Host) -> str:
    failure = run.failures.get(here.name)
    if failure:
        return failure.problem.about(failure.step).cause
    if not run.state.is_host_in_limit(here):
        return "left out by --limit"
    reached = here in run.state.activated_hosts
    return "its stores weren't looked after in this run" if reached else "it can't be reached"


def digests_of(files: Iterable[File]) -> list[str]:
    """What files of others were when they were looked at, as merged.sh reads it. A mode of ``-``: not there."""
    return [f"{'-' if file.mode == '-' else file.sha256} {file.path}" for file in files]


def folders(files: Iterable[File]) -> list[str]:
    """Every folder above these files, from the top, the host's memory aside."""
    paths = (PurePosixPath(file.path).parents for file in files if not file.path.startswith(f"{STATE}/"))
    return sorted({str(each) for parents in paths for each in parents})
