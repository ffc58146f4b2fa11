"""Trust's part in the probe: its probe, and the CAs that only the fleet remembers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from anchorline.authority.operations import staged
from anchorline.fleet.clock import wrong_here
from anchorline.fleet.fleet import Fleet, Host, once
from anchorline.fleet.probe import Probe, Question
from anchorline.problem import Problem
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ANCHOR, ObservedTrust, read
from anchorline.trust.plan import TrustPlan, difference
from anchorline.trust.scripts import TrustProbe
from anchorline.trust.stores.runtimes import in_a_home


@once
def wanted(fleet: Fleet) -> DesiredTrust:
    """What every host should have, worked out once a run."""
    return DesiredTrust.of(fleet.spec, staged(fleet))


def trust_of(fleet: Fleet, host: Host) -> ObservedTrust:
    """What the probe saw on a host. Raises KeyError for one that it couldn't see."""
    return fleet.seen(PROBE, host)


def _ask(fleet: Fleet, host: Host) -> Question:  # noqa: ARG001 (every host is asked the same)
    return _question(fleet)


@once
def _plans(fleet: Fleet) -> dict[str, tuple[ObservedTrust, TrustPlan]]:  # noqa: ARG001
    return {}


def plan_of(fleet: Fleet, host: Host) -> TrustPlan:
    """What a rollout would do on a host, worked out once for what was seen of it. Raises KeyError where nothing was."""
    plans, has = _plans(fleet), trust_of(fleet, host)
    if host.name not in plans or plans[host.name][0] is not has:
        plans[host.name] = has, difference(has, wanted(fleet))
    return plans[host.name][1]


@once
def trusting(fleet: Fleet) -> set[str]:  # noqa: ARG001
    """The hosts that were seen in this run to trust all that they should: as the probe saw them, or after a change."""
    return set()


def trusts(fleet: Fleet, host: Host) -> bool:
    """Whether a host trusts all that it should, as far as this run knows."""
    plan = plan_of(fleet, host)
    return host.name in trusting(fleet) or not (plan or plan.problem)


@once
def _question(fleet: Fleet) -> Question:
    anchors = staged(fleet).anchors
    script = TrustProbe.of(fleet.spec.site, fleet.spec.trust.users, anchors)
    return Question(script.text, [f"anchor {each.name} {body(each.pem)}" for each in anchors])


def body(pem: str) -> str:
    """The base64 of a PEM block, in one line."""
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def _preflight(fleet: Fleet) -> Iterable[Problem]:
    """The fleet remembers: a CA that hosts know and pki/ doesn't means a lost or a wrong ``pki/``, not a new CA."""
    ours = staged(fleet)
    if (ours.changes or ours.next) and (
        why := wrong_here({name: fleet.clocks.get(name, 0) for name in fleet.observations})
    ):
        yield why
    unseen = [host.name for host in fleet.registry_hosts if not fleet.reached(host)] if fleet.spec.registry else []
    if ours.is_new_ca and unseen:
        yield Problem(
            f"{fleet.spec.pki} has no CA, and the registry's host {unseen[0]}, which would remember one, "
            "wasn't looked at",
            "bring it up, or take it into --limit",
        )
    for digest, hosts in sorted(unknown_cas(fleet).items()):
        some = ", ".join(sorted(hosts)[:5]) + (f" and {len(hosts) - 5} more" if len(hosts) > 5 else "")
        yield Problem(
            f"{fleet.spec.pki} doesn't know the CA {digest} that {some} know{'s' if len(hosts) == 1 else ''} as the "
            "site's",
            "bring back the pki/ that made it, run from the checkout that has it, or name another `site`",
        )


def unknown_cas(fleet: Fleet) -> dict[str, list[str]]:
    """CAs that hosts know as the site's and ``pki/`` doesn't: the first digits of each, and who knows it."""
    ours = staged(fleet)
    known = ours.known | {anchor.sha256 for anchor in ours.anchors}
    found: dict[str, list[str]] = {}
    for name, trust in fleet.saw(PROBE).items():
        for digest in _remembered(trust, fleet.spec.site):
            if digest in known or any(each.startswith(digest) or digest.startswith(each) for each in known):
                continue
            found.setdefault(digest[:12], []).append(name)
    return found


def _remembered(trust: ObservedTrust, site: str) -> set[str]:
    marked = {line.removeprefix("ca ") for line in trust.marker if line.startswith("ca ")}
    also = {line.removeprefix("also ")[:12] for line in trust.marker if line.startswith("also ")}
    # what lies in a home is its user's word alone
    found = (ANCHOR.search(path) for path in trust.files if not in_a_home(path))
    anchors = {match["digest"] for match in found if match and match["site"] == site} - also
    return marked | {digest for digest in anchors if not any(full.startswith(digest) for full in marked)}


def _read(fleet: Fleet, lines: Sequence[str]) -> ObservedTrust:
    return read(lines, fleet.spec.site)


PROBE = Probe("trust", _ask, _read, _preflight)
