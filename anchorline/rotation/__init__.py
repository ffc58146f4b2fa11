"""A rotation of the CA over the fleet: the gate that waits for every host, and the promotion."""

from anchorline.rotation.deploy import promote

__all__ = ["promote"]
