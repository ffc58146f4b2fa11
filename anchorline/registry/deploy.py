"""``registry.serve``: the registry on its host."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from anchorline import trust
from anchorline.authority.deploy import issue
from anchorline.fleet import begin
from anchorline.registry.operations import serve as keep_serving
from anchorline.registry.probe import PROBE


@deploy("Registry")
def serve() -> None:
    """Run the registry's container on the one host of the group ``registry``."""
    run = begin(trust.PROBE, PROBE)
    issue()
    if run.spec.registry and host.name == run.registry_host.name:
        keep_serving(name="Run the registry")
