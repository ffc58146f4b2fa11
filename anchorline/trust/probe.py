"""Trust's part in the probe: its probe, and the CAs that only the fleet remembers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from anchorline.authority.operations import staged
from anchorline.characters import some
from anchorline.commands import anchorline, without
from anchorline.fleet.clock import wrong_here
from anchorline.fleet.contain import contained
from anchorline.fleet.fleet import Fleet, Host, once
from anchorline.fleet.probe import Probe, Question
from anchorline.problem import Problem
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ANCHOR, ObservedTrust, read
from anchorline.trust.plan import TrustPlan, difference
from anchorline.trust.scripts import TrustProbe
from anchorline.trust.stores.runtimes import in_a_home

DIGITS = 12
"""Of a CA's SHA-256 in its file's name: by so many it is known."""


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
        plan = contained(lambda: difference(has, wanted(fleet)), lambda problem: TrustPlan(problem=problem))
        plans[host.name] = has, plan
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
    if (ours.changes or ours.next) and (why := clocks_against_us(fleet)):
        yield why
    unseen = [host.name for host in fleet.registry_hosts if not fleet.reached(host)] if fleet.spec.registry else []
    if ours.is_new_ca and unseen:
        yield Problem(
            f"{fleet.spec.pki} has no CA, and the registry's host {unseen[0]}, which would remember one, "
            "wasn't looked at",
            "bring it up, or take it into --limit",
        )
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, digests in unknown_cas(fleet).items():
        alike.setdefault(digests, []).append(name)
    for digests, hosts in sorted(alike.items()):
        yield _unknown(fleet, digests, hosts)


def _unknown(fleet: Fleet, digests: Sequence[str], hosts: Sequence[str]) -> Problem:
    """What is said of the hosts that know the same CAs. A few among many may be wrong, or lie; most of them don't."""
    looked, ours = fleet.saw(PROBE), _known(fleet)
    agree = sum(not ours.isdisjoint(_remembered(trust, fleet.spec.site)) for trust in looked.values())
    cause = (
        f"{fleet.spec.pki} doesn't know the CA{'s' * (len(digests) > 1)} {some(digests)} that {some(hosts)} "
        f"know{'s' * (len(hosts) == 1)} as the site's: {len(hosts):,} of {len(looked):,} hosts, "
        f"while {agree:,} know{'s' * (agree == 1)} one of pki/"
    )
    fix = "bring back the pki/ that made it, or run from the checkout that has it"
    if 2 * len(hosts) <= len(looked):
        them = "it" if len(hosts) == 1 else "them"
        fix = f"look at {them}; where that isn't so, go on without {them}, {without(hosts)}; where it is, {fix}"
    return Problem(cause, fix)


def clocks_against_us(fleet: Fleet) -> Problem | None:
    """Why nothing should be issued here, by the clocks of all hosts that were looked at."""
    offsets = {name: fleet.clocks.get(name, 0) for name in fleet.observations}
    return wrong_here(offsets, anchorline("pki issue", fleet.file))


def unknown_cas(fleet: Fleet) -> dict[str, tuple[str, ...]]:
    """By host, the first digits of the CAs that it knows as the site's and ``pki/`` doesn't. Others are left out."""
    known, site = _known(fleet), fleet.spec.site
    found = {name: tuple(sorted(_remembered(trust, site) - known)) for name, trust in fleet.saw(PROBE).items()}
    return {name: digests for name, digests in found.items() if digests}


@once
def _known(fleet: Fleet) -> frozenset[str]:
    """The first digits of every CA that ``pki/`` or the spec knows."""
    ours = staged(fleet)
    return frozenset(each[:DIGITS] for each in (*ours.known, *(anchor.sha256 for anchor in ours.anchors)))


def _remembered(trust: ObservedTrust, site: str) -> frozenset[str]:
    """The first digits of each CA that a host knows as the site's. What lies in a home is its user's word alone."""
    marked = {kind: set[str]() for kind in ("ca", "also")}
    for kind, _, digest in (line.partition(" ") for line in trust.marker):
        marked.setdefault(kind, set()).add(digest[:DIGITS])
    found = (ANCHOR.search(path) for path in trust.files if not in_a_home(path))
    anchors = {match["digest"] for match in found if match and match["site"] == site}
    return frozenset(marked["ca"] | (anchors - marked["also"]))


def _read(fleet: Fleet, lines: Sequence[str]) -> ObservedTrust:
    return read(lines, fleet.spec.site)


PROBE = Probe("trust", _ask, _read, _preflight)
