"""``registry.serve``: the registry on its host."""

from __future__ import annotations

from anchorline import trust
from anchorline.authority.deploy import issue
from anchorline.fleet import Run, begin, step
from anchorline.registry.operations import serve as keep_serving
from anchorline.registry.probe import PROBE


@step("Registry")
def serve() -> None:
    """Run the registry's container on the one host of the group ``registry``."""
    fleet = begin(trust.PROBE, PROBE)
    _, here = Run.here()
    issue()
    if fleet.spec.registry and fleet.runs_registry(here):
        keep_serving(name="Run the registry")
