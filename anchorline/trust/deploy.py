"""``trust.rollout``: every host trusts the site's CA.

``trust.withdraw`` and ``trust.distrust``: no host trusts a CA any more.
"""

from __future__ import annotations

from anchorline.authority.deploy import issue
from anchorline.authority.operations import next_of
from anchorline.fleet import Fleet, begin, step
from anchorline.trust.operations import keep, note
from anchorline.trust.probe import PROBE
from anchorline.trust.removal.operations import DISTRUST, WITHDRAW, has_previous, put_away, remove


@step("Trust")
def rollout() -> None:
    """Put the site's CAs into the stores of every host: the system's, and those of the runtimes in use."""
    fleet = begin(PROBE)
    issue()
    keep(name="Keep the trust stores")
    if next_of(fleet):
        note(name="Note who trusts the next CA")


@step("Withdraw")
def withdraw() -> None:
    """Take the CA ``--data ca=SHA256`` away from every host, unless the spec or what is served still needs it."""
    fleet = begin(WITHDRAW)
    _retire(fleet)
    remove(name="Take the CA away", ban=False)


@step("Distrust")
def distrust() -> None:
    """Take the CA ``--data ca=SHA256`` away from every host at once, and ban it where the system can."""
    fleet = begin(DISTRUST)
    _retire(fleet)
    remove(name="Distrust the CA", ban=True)


def _retire(fleet: Fleet) -> None:
    """``pki/`` first: a host that was rid of the previous CA must not get it back from a deploy."""
    if has_previous(fleet):
        put_away(name="Put the previous CA away in pki/")
