"""Every host's trust stores: a table of families, a table of runtimes, one probe, one operation."""

from anchorline.trust.deploy import distrust, rollout, withdraw
from anchorline.trust.probe import PROBE

__all__ = ["PROBE", "distrust", "rollout", "withdraw"]
