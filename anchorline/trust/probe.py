"""Trust's part in the look: its probe, and the CAs that only the fleet remembers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyinfra.api import Host

from anchorline.authority import Anchor
from anchorline.authority.operations import staged
from anchorline.fleet.clock import wrong_here
from anchorline.fleet.probe import Probe, Question
from anchorline.fleet.run import Run
from anchorline.fleet.scripts import STATE, script, state_folder
from anchorline.problem import Problem
from anchorline.spec import Spec
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ANCHOR, HOSTS, OS_RELEASE, ObservedTrust, read
from anchorline.trust.processes import stale
from anchorline.trust.stores import merged, runtimes
from anchorline.trust.stores.families import FAMILIES, Family, rows
from anchorline.trust.stores.third_party import CONFIGURATIONS, OWNED_FILES, bundle


def wanted(run: Run) -> DesiredTrust:
    """What every host should have, worked out once a run."""
    return run.once("wanted trust", lambda: DesiredTrust.of(run.spec, staged(run)))


def trust_of(run: Run, host: Host) -> ObservedTrust:
    """What the look saw on a host. Raises KeyError for one that it couldn't see."""
    seen: ObservedTrust = run.observations[host.name]["trust"]
    return seen


def layers(family: Family | None) -> dict[str, str]:
    """What layers.sh is told of the host's system."""
    return {
        "lock": STATE,
        "bundle": family.bundle if family else "",
        "links": family.hashed if family else "",
        "p11": family.p11 if family else "",
    }


def _ask(run: Run, host: Host) -> Question:  # noqa: ARG001 (every host is asked the same)
    return run.once("question of trust", lambda: _question(run))


FOLDERS = ("trust/processes/stale.sh", "trust/used.sh", "trust/probe.sh")
"""What the look at folders of CAs is put together from."""
SOURCES = (*FOLDERS, "trust/stores/merged_probe.sh")
"""What the whole look is put together from."""


def variables(site: str, users: Iterable[str] = (), anchors: Iterable[Anchor] = ()) -> dict[str, str | list[str]]:
    """What the look's sources are told."""
    return {
        "site": site,
        "state": state_folder(site),
        **stale.variables(site),
        "release": OS_RELEASE,
        "hosts": HOSTS,
        "families": rows(),
        "runtimes": runtimes.rows(),
        "sites": STATE,
        "users": list(users),
        "bundle": bundle(site),
        "configurations": [f"{row.store} {row.path} {','.join(row.used)}" for row in CONFIGURATIONS],
        "owned_files": [
            f"{row.store} {row.path.format(site=site, host='*')} {','.join(row.used)}" for row in OWNED_FILES
        ],
        "java": "java",
        "jvms": " ".join(merged.JVMS),
        "system_keystores": " ".join(dict.fromkeys(family.java for family in FAMILIES if family.java)),
        "databases": " ".join(merged.DATABASES),
        "nicknames": nicknames(anchors),
    }


def probe(spec: Spec, anchors: Iterable[Anchor] = ()) -> str:
    """The script of trust's look at a host."""
    return script(*SOURCES, **variables(spec.site, spec.trust.users, anchors))


def nicknames(anchors: Iterable[Anchor]) -> list[str]:
    """Each anchor's name with its SHA-256 as keytool prints it."""
    return [f"{each.name} {bytes.fromhex(each.sha256).hex(':').upper()}" for each in anchors]


def _question(run: Run) -> Question:
    anchors = staged(run).anchors
    return Question(probe(run.spec, anchors), [f"anchor {each.name} {body(each.pem)}" for each in anchors])


def body(pem: str) -> str:
    """The base64 of a PEM block, in one line."""
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def _preflight(run: Run) -> Iterable[Problem]:
    """The fleet remembers: a CA that hosts know and pki/ doesn't means a lost or a wrong ``pki/``, not a new CA."""
    ours = staged(run)
    if (ours.changes or ours.next) and (
        why := wrong_here({name: run.clocks.get(name, 0) for name in run.observations})
    ):
        yield why
    if ours.is_new_ca and run.spec.registry and not run.reached(run.registry_host):
        yield Problem(
            f"{run.spec.pki} has no CA, and the registry's host {run.registry_host.name}, which would remember one, "
            "wasn't looked at",
            "bring it up, or take it into --limit",
        )
    for digest, hosts in sorted(unknown_cas(run).items()):
        some = ", ".join(sorted(hosts)[:5]) + (f" and {len(hosts) - 5} more" if len(hosts) > 5 else "")
        yield Problem(
            f"{run.spec.pki} doesn't know the CA {digest} that {some} know{'s' if len(hosts) == 1 else ''} as the "
            "site's",
            "bring back the pki/ that made it, run from the checkout that has it, or name another `site`",
        )


def unknown_cas(run: Run) -> dict[str, list[str]]:
    """CAs that hosts know as the site's and ``pki/`` doesn't: the first digits of each, and who knows it."""
    ours = staged(run)
    known = ours.known | {anchor.sha256 for anchor in ours.anchors}
    found: dict[str, list[str]] = {}
    for name, observation in run.observations.items():
        for digest in _remembered(observation["trust"], run.spec.site) if "trust" in observation else ():
            if digest in known or any(each.startswith(digest) or digest.startswith(each) for each in known):
                continue
            found.setdefault(digest[:12], []).append(name)
    return found


def _remembered(trust: ObservedTrust, site: str) -> set[str]:
    marked = {line.removeprefix("ca ") for line in trust.marker if line.startswith("ca ")}
    also = {line.removeprefix("also ")[:12] for line in trust.marker if line.startswith("also ")}
    found = (ANCHOR.search(path) for path in trust.files)
    anchors = {match["digest"] for match in found if match and match["site"] == site} - also
    return marked | {digest for digest in anchors if not any(full.startswith(digest) for full in marked)}


def _read(run: Run, lines: Sequence[str]) -> ObservedTrust:
    return read(lines, run.spec.site)


PROBE = Probe("trust", _ask, _read, _preflight)
