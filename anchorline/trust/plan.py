"""What one host lacks of trust: observed against desired. Pure: no host, no disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anchorline.authority import Anchor
from anchorline.characters import quoted
from anchorline.fleet.scripts import File
from anchorline.problem import Problem
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ANCHOR, HOSTS, OURS, ObservedTrust
from anchorline.trust.stores import merged
from anchorline.trust.stores.families import REAL, Family, unknown
from anchorline.trust.stores.runtimes import RUNTIMES

SYSTEM, REPAIRED = "system store", "system store repaired"
"""What is done to the system's store: it gets what it never had, or again what it has no more."""


@dataclass(frozen=True)
class TrustPlan:
    """What has to be done on one host, and what the summary says of it. ``problem`` set: it can't be done.

    ``merged`` are files of others with our entry, ``unchanged`` what they were when they were looked at; ``tasks`` are
    for keystores.
    """

    files: tuple[File, ...] = ()
    merged: tuple[File, ...] = ()
    unchanged: tuple[File, ...] = ()
    tasks: tuple[str, ...] = ()
    update: str = ""
    hosts_line: str = ""
    what: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: Problem | None = None

    def __bool__(self) -> bool:
        return bool(self.files or self.merged or self.tasks or self.update or self.hosts_line)


def difference(has: ObservedTrust, wanted: DesiredTrust) -> TrustPlan:
    """What one host lacks. Nothing is ever taken away here: what is surplus becomes a note."""
    due = merged.due(
        has.merged_stores, wanted.merged_stores, has.files, has.foreign, has.family.bundle if has.family else ""
    )
    rest = TrustPlan(due.files, due.merged, due.unchanged, what=due.what, notes=due.notes, problem=due.problem)
    parts = (_system(has, wanted), _runtimes(has, wanted), rest, _memory(has, wanted))
    if problem := next((part.problem for part in parts if part.problem), None):
        return TrustPlan(problem=problem)
    update = parts[0].update or (has.family.repair if due.system and has.family else "")
    return TrustPlan(
        files=tuple(dict.fromkeys(file for part in parts for file in part.files)),
        merged=due.merged,
        unchanged=due.unchanged,
        # where the system's store changes, or one keystore lacks something, all are asked
        tasks=due.tasks if update or due.lacking else (),
        update=update,
        hosts_line=parts[-1].hosts_line,
        what=tuple(dict.fromkeys(each for part in parts for each in part.what)),
        notes=(*due.notes, *_notes(has, wanted, update)),
    )


def _system(has: ObservedTrust, wanted: DesiredTrust) -> TrustPlan:
    family = has.family
    if "system" not in wanted.stores or not wanted.anchors:
        return TrustPlan()
    if family is None:
        return TrustPlan(problem=unknown(has.os_ids))
    if family.declared:
        undeclared = [anchor for anchor in wanted.anchors if anchor.name not in has.bundled]
        return TrustPlan(problem=_declare(family, undeclared) if undeclared else None)
    anchors = to_put(has, wanted)
    differing = _differing(has, [File(family.path(anchor.name), anchor.pem) for anchor in anchors])
    lacking = [family.path(anchor.name) for anchor in anchors if anchor.name not in has.bundled - has.unhashed]
    if not differing and not lacking:
        return TrustPlan()
    # what was there before needs more than an update, which looks for new files alone
    again = any(path in has.files for path in [*lacking, *(file.path for file in differing)])
    return TrustPlan(
        tuple(differing),
        update=family.repair if again else family.update,
        what=(REPAIRED if again else SYSTEM,),
    )


def _runtimes(has: ObservedTrust, wanted: DesiredTrust) -> TrustPlan:
    anchors = [(anchor.name, anchor.pem) for anchor in wanted.anchors if anchor.sha256 in wanted.own]
    files: list[File] = []
    what: list[str] = []
    for row, folder in ((RUNTIMES[name], folder) for name, folder in has.folders if anchors):
        if row.kept_as not in wanted.stores:
            continue
        kept = row.files(folder, wanted.site, wanted.names, anchors)
        if foreign := [file.path for file in kept if file.path in has.foreign]:
            fix = (
                f"move it away (mv {quoted(foreign[0])} {quoted(foreign[0])}.before) and the next run writes "
                f"ours, or name our CA in it (ca = [...]) and take {row.kept_as} out of trust: {{stores: ...}}"
            )
            return TrustPlan(problem=Problem(f"{foreign[0]} is someone else's", fix))
        if differing := _differing(has, kept):
            files += differing
            what.append(row.kept_as)
    return TrustPlan(tuple(files), what=tuple(what))


def _memory(has: ObservedTrust, wanted: DesiredTrust) -> TrustPlan:
    """The line in the hosts file, and the host's own memory of the site."""
    line = wanted.hosts_line
    if has.hosts_line == (f"{line} {OURS}{wanted.site}" if line else has.hosts_line):
        line = ""
    files: tuple[File, ...] = ()
    if set(wanted.marker) - set(has.marker):
        lines = sorted({*wanted.marker, *has.marker})
        files = (File(wanted.marker_file, "".join(f"{each}\n" for each in lines)),)
    return TrustPlan(files, hosts_line=line, what=(HOSTS,) if line else ())


def _differing(has: ObservedTrust, files: Sequence[File]) -> list[File]:
    return [file for file in files if has.files.get(file.path) != file.sha256]


def to_put(has: ObservedTrust, wanted: DesiredTrust) -> list[Anchor]:
    """The anchors that belong into the host's system store: all that it doesn't have as a file of someone else's. One
    that the folder of hash links passes over there (two certificates in one file) is put as well."""
    return [anchor for anchor in wanted.anchors if anchor.name not in has.elsewhere or anchor.name in has.unhashed]


def _declare(family: Family, anchors: Sequence[Anchor]) -> Problem:
    files = " ".join(f"./{anchor.name}" for anchor in anchors)
    subjects = " and ".join(anchor.subject for anchor in anchors)
    return Problem(
        f"{family.name} takes no CA but a declared one",
        f"{family.declared.format(file=files)} with {subjects} as PEM in {family.folder}, then {family.update}",
    )


def _notes(has: ObservedTrust, wanted: DesiredTrust, update: str) -> tuple[str, ...]:
    declared = {anchor.name for anchor in wanted.anchors}
    found = ((path, ANCHOR.search(path)) for path in has.files)
    names = {path: f"anchorline-{each['site']}-{each['digest']}.crt" for path, each in found if each}
    verified = has.family.verified if has.family else ""
    unverified = bool(update) and not verified.startswith(REAL)
    return (
        *(
            [f"the row {has.family.name} is not verified on a real userland ({verified}): look after this host"]
            if has.family and unverified
            else []
        ),
        *(
            f"trusted already as {path}, not doubled"
            for name, path in has.elsewhere.items()
            if name not in has.unhashed
        ),
        *(f"passed over: {what}" for store, what in has.passed if store in wanted.stores),
        *(f"surplus, not declared: {path}" for path in sorted(names) if names[path] not in declared),
        *(f"not ours, and bears our prefix: {path}" for path in sorted(has.strays)),
        *(f"passed over, for its name has control characters: {path}" for path in has.odd),
        *([f"surplus, not declared: the line in {HOSTS}"] if has.hosts_line and not wanted.hosts_line else []),
    )
