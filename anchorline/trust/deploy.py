"""``trust.rollout``: every host trusts the site's CA. ``trust.withdraw`` and ``trust.distrust``: no host does."""

from __future__ import annotations

from pyinfra.api import deploy

from anchorline.authority.deploy import issue
from anchorline.fleet import begin
from anchorline.trust.operations import keep
from anchorline.trust.removal import DISTRUST, WITHDRAW, remove
from anchorline.trust.room import ROOM


@deploy("Trust")
def rollout() -> None:
    """Put the site's CAs into the stores of every host: the system's, and those of the runtimes in use."""
    begin(ROOM)
    issue()
    keep(name="Keep the trust stores")


@deploy("Withdraw")
def withdraw() -> None:
    """Take the CA ``--data ca=SHA256`` away from every host, unless the spec or what is served still needs it."""
    begin(WITHDRAW)
    remove(name="Take the CA away", ban=False)


@deploy("Distrust")
def distrust() -> None:
    """Take the CA ``--data ca=SHA256`` away from every host at once, and ban it where the system can."""
    begin(DISTRUST)
    remove(name="Distrust the CA", ban=True)
