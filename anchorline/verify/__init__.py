"""The verification: the round trip from every client; and the doctor, who says why one fails."""

from typing import TYPE_CHECKING, Any

from anchorline.verify.deploy import clients, doctor
from anchorline.verify.probe import PROBE

__all__ = ["PROBE", "clients", "doctor"]


if not TYPE_CHECKING:  # or every misspelt name would have a type

    def __getattr__(name: str) -> Any:
        """What an older anchorline had is refused, with what to do."""
        from anchorline.fleet.outdated import missing

        missing(__name__, name)
