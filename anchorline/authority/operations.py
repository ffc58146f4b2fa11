"""The authority within a run: staged once in memory, written once, before any host may trust it."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, operation

from anchorline.authority.stage import Staged, stage
from anchorline.errors import AnchorlineError, AuthorityError
from anchorline.fleet.operations import Commands, say
from anchorline.fleet.run import Run

STEP = "authority"


def staged(run: Run) -> Staged:
    """The authority of this run: read from ``pki/``, with what is to be issued made in memory. Nothing is written."""
    return run.once("the authority, staged", lambda: _staged(run))


def _staged(run: Run) -> Staged:
    made = stage(run.spec)
    if made.changes and explicit(run):
        why = "; ".join(f"{change.name}: {change.reason}" for change in made.changes)
        raise AuthorityError(
            f"{run.spec.pki}: to be issued ({why}), and `authority: {{issue: explicit}}` has no deploy do it: "
            f"run `anchorline pki issue --spec {run.file}` where pki/ is kept, and deploy what it wrote"
        )
    return made


def explicit(run: Run) -> bool:
    """Whether the spec has no deploy issue anything."""
    return run.spec.authority is not None and run.spec.authority.issue == "explicit"


def serving(run: Run) -> Staged:
    """The authority by which the registry serves: as it was staged, until the next CA took over in this run."""
    return run.promoted or staged(run)


def on_disk(run: Run) -> Staged:
    """The authority for a run that changes nothing: no certificate is looked after, so that no key is needed."""
    return run.once("the authority, staged", lambda: stage(run.spec, only=()))


@operation()
def commit() -> Commands:
    """Write what was staged to ``pki/``, once for the whole fleet.

    An error ends the run for every host, before the next operation: none may come to trust a CA that was never
    written.
    """
    here = host.state.inventory.get_host(host.name)
    run = Run.of(here)
    if run.once(f"who writes the authority, executing: {host.state.is_executing}", lambda: here.name) == here.name:
        yield FunctionCommand(_write, (), {})


def _write(state: State, host: Host) -> bool:  # noqa: ARG001 (pyinfra heeds a result only with this signature)
    run = Run.of(host)
    try:
        staged(run).commit()
    except AnchorlineError as error:
        run.broken = error
        say(host, str(error))
    return run.broken is None
