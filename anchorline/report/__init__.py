"""What was seen and done, for people and for programs: one report, and a form of it for each reader.

``status``, the step, and ``install_hooks``, which config.py calls, load pyinfra: they come when they are asked for.
"""

from importlib import import_module
from typing import Any

from anchorline.renamed import RENAMED

_LATER = {"status": "anchorline.report.deploy", "install_hooks": "anchorline.report.end"}


def __getattr__(name: str) -> Any:
    """One of ``_LATER``. What an older anchorline had is refused, with what to do."""
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if f"{__name__}.{name}" in RENAMED:
        from anchorline.fleet.outdated import missing

        missing(__name__, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
