"""``authority.issue``: the CA and the certificates that are missing or due."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from anchorline.authority.operations import commit, staged
from anchorline.fleet.run import Run


@deploy("Authority")
def issue() -> None:
    """Write the CA and the certificates that ``pki/`` lacks or that are due. Declared only where there are any."""
    run = Run.of(host.state.inventory.get_host(host.name))
    changes = staged(run).changes
    if changes and host.name not in run.issuing:
        run.issuing.add(host.name)
        commit(name="Write " + ", ".join(change.name for change in changes))
