"""``rotation.promote``: the next CA takes the present one's place."""

from __future__ import annotations

from anchorline import trust
from anchorline.authority.operations import next_of
from anchorline.fleet import begin, step
from anchorline.rotation.operations import PROBE
from anchorline.rotation.operations import promote as promote_next


@step("Rotation")
def promote() -> None:
    """Promote the next CA once every host of the inventory has been seen to trust it. Declared only while a
    rotation stands (``anchorline pki rotate``)."""
    fleet = begin(trust.PROBE)
    if next_of(fleet):
        fleet.probes.setdefault(PROBE.name, PROBE)
        promote_next(name="Promote the next CA")
