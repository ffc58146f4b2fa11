"""What ``difference`` decides, as a table for a shell that can't ask it.

A host that nobody reaches looks at itself, and finds the line of this table for each thing that it saw. The lines are
made here by asking ``difference`` about hosts that have just that: whoever changes it changes what exported scripts do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

from anchorline.fleet.scripts import File, assignments
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import OURS, ObservedTrust
from anchorline.trust.plan import TrustPlan, difference, to_put
from anchorline.trust.stores.families import FAMILIES, REAL
from anchorline.trust.stores.runtimes import RUNTIMES, Runtime

PLACES = ("same", "other", "none", "foreign")
"""What lies where a file of ours belongs: that file, another one of ours, nothing, or a file of someone else's."""
_ANOTHER = "0" * 64
# the two commands by their names in alone.sh: which of them are one and the same differs between families
_FAMILY = replace(FAMILIES[0], update="make", repair="repair", verified=REAL)


def stores_of(wanted: DesiredTrust) -> Iterator[tuple[Runtime, File]]:
    """Each runtime's files: what a host lacks that has this runtime and nothing else."""
    for row in RUNTIMES.values():
        if row.kept_as in wanted.stores and not row.folder.startswith("~"):
            bare = ObservedTrust((), None, folders=((row.name, row.folder),))
            yield from ((row, file) for file in difference(bare, _runtimes_alone(row, wanted)).files)


def decisions(wanted: DesiredTrust) -> dict[str, str]:
    """What was seen (the patterns of a ``case``), and what is to be done then (variables that alone.sh reads).

    ``put`` the file, ``due`` is a command (``make`` or ``repair``), the store is ``asked`` for the anchor afterwards,
    ``says`` goes into the summary, ``noted`` is printed; ``refused``: nothing may be done here.
    """
    seen: dict[str, list[str]] = {}
    for what, decision in (*_anchors(wanted), *_stores(wanted), *_rest(wanted)):
        seen.setdefault(decision, []).append(f"'{what}'")
    return {"|".join(each): decision for decision, each in seen.items()}


def case(function: str, bodies: Mapping[str, str]) -> str:
    """A function of the shell with a branch for each value of its argument."""
    branches = "".join(f"{name})\n{body};;\n" for name, body in bodies.items())
    return f"{function}() {{\ncase $1 in\n{branches}esac\n}}\n"


def _anchors(wanted: DesiredTrust) -> Iterator[tuple[str, str]]:
    """The system's store: what lies in the anchor's place, whether the bundle and the hash links have it, and whether a
    file of others does."""
    [anchor, *_] = wanted.anchors
    alone = replace(wanted, stores=("system",), anchors=(anchor,), marker=(), hosts_line="")
    path = _FAMILY.path(anchor.name)
    lying = {"same": {path: File(path, anchor.pem).sha256}, "other": {path: _ANOTHER}, "none": {}}
    for place, bundled, unhashed, elsewhere in product(lying, ("bundled", "-"), ("unhashed", "-"), ("elsewhere", "")):
        has = ObservedTrust(
            (),
            _FAMILY,
            bundled=frozenset({anchor.name} if bundled != "-" else ()),
            unhashed=frozenset({anchor.name} if unhashed != "-" else ()),
            elsewhere={anchor.name: "@path@"} if elsewhere else {},
            files=lying[place],
        )
        asked = bool(to_put(has, alone))
        yield f"anchor {place} {bundled} {unhashed} {elsewhere}", _decision(difference(has, alone), asked=asked)


def _stores(wanted: DesiredTrust) -> Iterator[tuple[str, str]]:
    """The runtimes' stores: what lies in the place of one of its files, where all others are as they should be."""
    files: dict[str, list[File]] = {}
    for row, file in stores_of(wanted):
        files.setdefault(row.name, []).append(file)
    for (name, (file, *others)), place in product(files.items(), PLACES):
        lying = {"same": {file.path: file.sha256}, "other": {file.path: _ANOTHER}}.get(place, {})
        has = ObservedTrust(
            (),
            None,
            folders=((name, RUNTIMES[name].folder),),
            files={each.path: each.sha256 for each in others} | lying,
            foreign=frozenset({file.path} if place == "foreign" else ()),
        )
        yield f"store {name} {place}", _decision(difference(has, _runtimes_alone(RUNTIMES[name], wanted)))


def _rest(wanted: DesiredTrust) -> Iterator[tuple[str, str]]:
    """The line in the hosts file, and the host's memory of the site."""
    alone = replace(wanted, stores=())
    well = ObservedTrust(
        (),
        None,
        marker=wanted.marker,
        hosts_line=f"{wanted.hosts_line} {OURS}{wanted.site}" if wanted.hosts_line else "",
    )
    for what, has in {
        "hosts same": well,
        "hosts other": replace(well, hosts_line=""),
        "memory whole": well,
        "memory lacks": replace(well, marker=()),
    }.items():
        yield what, _decision(difference(has, alone))


def _runtimes_alone(row: Runtime, wanted: DesiredTrust) -> DesiredTrust:
    return replace(wanted, stores=(row.kept_as,), marker=(), hosts_line="")


def _decision(plan: TrustPlan, *, asked: bool = False) -> str:
    return assignments(
        {
            "put": bool(plan.files),
            "due": plan.update,
            "asked": asked,
            "says": "".join(plan.what),
            "noted": "".join(plan.notes),
            "refused": bool(plan.problem),
        }
    )
