"""The verification: the round trip from every client; and the doctor, who says why one fails."""

from anchorline.verify.deploy import clients, doctor
from anchorline.verify.probe import PROBE

__all__ = ["PROBE", "clients", "doctor"]
