"""Every host's trust stores: a table of families, a table of runtimes, one probe, one operation."""

from typing import TYPE_CHECKING, Any

from anchorline.trust.deploy import distrust, rollout, withdraw
from anchorline.trust.probe import PROBE

__all__ = ["PROBE", "distrust", "rollout", "withdraw"]


if not TYPE_CHECKING:  # or every misspelt name would have a type

    def __getattr__(name: str) -> Any:
        """What an older anchorline had is refused, with what to do."""
        from anchorline.fleet.outdated import missing

        missing(__name__, name)
