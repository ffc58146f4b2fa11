"""Every host's trust stores: a table of families, a table of runtimes, one probe, one operation."""

from anchorline.trust.deploy import distrust, hand_over, rollout, withdraw
from anchorline.trust.probe import ROOM

__all__ = ["ROOM", "distrust", "hand_over", "rollout", "withdraw"]
