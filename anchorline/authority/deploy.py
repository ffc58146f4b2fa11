"""``authority.issue``: the CA and the certificates that are missing or due."""

from __future__ import annotations

from anchorline.authority.operations import commit, staged
from anchorline.fleet.run import Run, step


@step("Authority")
def issue() -> None:
    """Write the CA and the certificates that ``pki/`` lacks or that are due. Declared only where there are any."""
    run, here = Run.here()
    changes = staged(run.fleet).changes
    if changes and here.name not in run.issuing:
        run.issuing.add(here.name)
        commit(name="Write " + ", ".join(change.name for change in changes))
