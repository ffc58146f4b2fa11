"""The registry's container: its configuration, its health, and its replacement with a way back."""

from anchorline.registry.deploy import serve
from anchorline.registry.probe import PROBE

__all__ = ["PROBE", "serve"]
