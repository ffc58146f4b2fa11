"""A site's CA and what it issues: pure in the core, the disk at the edge.

``survey`` tells how things stand, ``stage`` makes in memory what is missing, and its ``commit`` writes that. Loads no
pyinfra.

One way, a module only from those before it (a test reads this table)::

    X.509    constraints pbes2 profile keys passphrase certificates anchors
    folder   layout owners disk gitignore issued store sightings
    read     read
    judge    plan external survey
    make     maker stage
    change   generations adopt custody
    tell     export check expiry
    run      operations deploy
"""

from typing import Any

from anchorline.authority.anchors import Anchor
from anchorline.authority.plan import CertificateStatus, State
from anchorline.authority.stage import Change, Pair, Staged, stage
from anchorline.authority.survey import Survey, survey

__all__ = ["Anchor", "CertificateStatus", "Change", "Pair", "Staged", "State", "Survey", "stage", "survey"]


def __getattr__(name: str) -> Any:
    """``authority.issue``, the deploy, loads pyinfra: it comes when it is asked for."""
    if name == "issue":
        from anchorline.authority.deploy import issue

        return issue
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
