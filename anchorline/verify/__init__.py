"""The proof: the round trip from every client; and the doctor, who says why one fails."""

from anchorline.verify.deploy import doctor, prove
from anchorline.verify.probe import ROOM

__all__ = ["ROOM", "doctor", "prove"]
