"""What a host has of trust, what it should have, and the difference. Pure: no host, no disk."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from anchorline.authority import Anchor, Staged
from anchorline.authority.certificates import fingerprint
from anchorline.fleet.shell import File, state_folder
from anchorline.spec import Spec
from anchorline.spec.model import DeclaredAuthority
from anchorline.trust import others, stale
from anchorline.trust.families import REAL, Family, family_of, unknown
from anchorline.trust.others import Others, Want
from anchorline.trust.runtimes import RUNTIMES
from anchorline.trust.stale import Process

OURS = "# anchorline "
"""How a line or a file of ours in a place that others use too begins or ends; the site's name follows."""
HOSTS = "/etc/hosts"
OS_RELEASE = "/etc/os-release"

ANCHOR = re.compile(r"/anchorline-(?P<site>[a-z0-9-]+)-(?P<digest>[0-9a-f]{12})\.(?:crt|pem)$")
"""The path of an anchor's file. A site's name may begin like another's, so that a shell's pattern can't tell them."""
_MARK = re.compile(r"(ca|also) [0-9a-f]{64}")


@dataclass(frozen=True)
class Trust:
    """One host's trust, as its probe printed it.

    ``bundled`` are the anchors (file names) that the system trusts; ``unhashed`` those of them that its folder of hash
    links lacks; ``elsewhere`` those that it has under a file of someone else's. ``files`` are ours, path to SHA-256.
    ``foreign`` are files of others where ours would go, ``strays`` those among the anchors that bear our prefix.
    ``marker`` is the host's own memory of the site, a line for each anchor: ``ca SHA256`` or ``also SHA256``.
    ``folders`` are the runtimes in use with the folder of each; ``others`` the stores that aren't folders of ours.
    ``stale`` are the processes that hold the roots of before the last change.
    """

    os_ids: tuple[str, ...]
    family: Family | None
    bundled: frozenset[str] = frozenset()
    unhashed: frozenset[str] = frozenset()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    tools: frozenset[str] = frozenset()
    folders: tuple[tuple[str, str], ...] = ()
    others: Others = field(default_factory=Others)
    files: Mapping[str, str] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()
    strays: frozenset[str] = frozenset()
    marker: tuple[str, ...] = ()
    hosts_line: str = ""
    stale: tuple[Process, ...] = ()

    @property
    def runtimes(self) -> tuple[str, ...]:
        """The container runtimes that are in use here, in the order of their table."""
        return tuple(name for name in RUNTIMES if name in self.tools)


def read(lines: Sequence[str], site: str) -> Trust:
    """Read what probe.sh printed. Raises ValueError for what it can't have printed, and for a damaged marker."""
    said: dict[str, list[str]] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        said.setdefault(word, []).append(rest)
    if "os" not in said:
        raise ValueError("the host's answer says nothing of its system")
    os_ids = tuple(said["os"][0].split())
    family = family_of(os_ids, said.get("family", ()))
    prefix = f"{family.name} " if family else "\n"
    files = {path: digest for digest, path in (line.split(maxsplit=1) for line in said.get("file", ()))}
    marker = tuple(said.get("marker", ()))
    if damaged := [line for line in marker if line.startswith(("ca", "also")) and not _MARK.fullmatch(line)]:
        raise ValueError(f"{state_folder(site)}/anchors, which the host keeps, is damaged at {damaged[0]!r}")
    return Trust(
        os_ids=os_ids,
        family=family,
        bundled=frozenset(line.removeprefix(prefix) for line in said.get("bundled", ()) if line.startswith(prefix)),
        unhashed=frozenset(line.removeprefix(prefix) for line in said.get("unhashed", ()) if line.startswith(prefix)),
        elsewhere={
            name: path
            for line in said.get("elsewhere", ())
            if line.startswith(prefix)
            for name, path in [line.removeprefix(prefix).split(maxsplit=1)]
        },
        tools=frozenset(line.partition(" ")[0] for line in said.get("runtime", ())),
        folders=tuple(
            (name, path) for name, _, path in (line.partition(" ") for line in said.get("runtime", ())) if path
        ),
        others=others.read(said),
        files={path: digest for path, digest in files.items() if _is_of(path, site)},
        foreign=frozenset(said.get("foreign", ())),
        strays=frozenset(path for path in files if "/anchorline-" in path and not ANCHOR.search(path)),
        marker=marker,
        hosts_line="\n".join(said.get("hosts", ())),
        stale=stale.read(said.get("stale", ())),
    )


def _is_of(path: str, site: str) -> bool:
    anchor = ANCHOR.search(path)
    # the probe prints no file of another site that bears its site in its first line
    return anchor["site"] == site if anchor else "/anchorline-" not in path


@dataclass(frozen=True)
class Wanted:
    """What every host of the site should have: the anchors, and the names of the registry that they vouch for."""

    site: str
    anchors: tuple[Anchor, ...]
    own: frozenset[str]
    marker: tuple[str, ...]
    stores: tuple[str, ...]
    names: tuple[str, ...]
    hosts_line: str
    hosts: tuple[str, ...] = ()
    configure: bool = False

    @classmethod
    def of(cls, spec: Spec, staged: Staged) -> Wanted:
        """What the spec and the authority, staged, ask of each host."""
        registry = spec.registry if spec.registry and spec.registry.mode == "remote" else None
        own = frozenset(map(fingerprint, staged.own))
        made = isinstance(spec.authority, DeclaredAuthority)
        entry = registry.hosts_entry if registry else None
        dns = [str(each.host) for each in registry.endpoints if isinstance(each.host, str)] if registry else []
        return cls(
            site=spec.site,
            anchors=staged.anchors,
            own=own,
            marker=tuple(f"{'ca' if made and each.sha256 in own else 'also'} {each.sha256}" for each in staged.anchors),
            stores=spec.trust.stores,
            names=registry.store_names if registry else (),
            hosts_line=f"{entry} {' '.join(dict.fromkeys(dns))}" if entry and dns else "",
            hosts=tuple(dict.fromkeys(str(each.host) for each in registry.endpoints)) if registry else (),
            configure=spec.trust.containerd.configure,
        )

    @property
    def others(self) -> Want:
        """What the stores that aren't folders of ours should have."""
        own = [anchor.pem for anchor in self.anchors if anchor.sha256 in self.own]
        return Want(self.site, self.stores, self.anchors, own, self.names, self.hosts, self.configure)

    @property
    def marker_file(self) -> str:
        """Where a host remembers the site's anchors."""
        return f"{state_folder(self.site)}/anchors"


@dataclass(frozen=True)
class Change:
    """What has to be done on one host, and what the summary says of it. ``cause`` set: it can't be done.

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
    cause: str = ""

    def __bool__(self) -> bool:
        return bool(self.files or self.merged or self.tasks or self.update or self.hosts_line)


def difference(has: Trust, wanted: Wanted) -> Change:
    """What one host lacks. Nothing is ever taken away here: what is surplus becomes a note."""
    due = others.due(has.others, wanted.others, has.files, has.foreign, has.family.bundle if has.family else "")
    rest = Change(due.files, due.merged, due.unchanged, what=due.what, notes=due.notes, cause=due.cause)
    parts = (_system(has, wanted), _runtimes(has, wanted), rest, _memory(has, wanted))
    if cause := next((part.cause for part in parts if part.cause), ""):
        return Change(cause=cause)
    update = parts[0].update or (has.family.repair if due.system and has.family else "")
    return Change(
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


def _system(has: Trust, wanted: Wanted) -> Change:
    family = has.family
    if "system" not in wanted.stores or not wanted.anchors:
        return Change()
    if family is None:
        return Change(cause=unknown(has.os_ids))
    if family.declared:
        undeclared = [anchor for anchor in wanted.anchors if anchor.name not in has.bundled]
        return Change(cause=_declare(family, undeclared) if undeclared else "")
    anchors = to_put(has, wanted)
    differing = _differing(has, [File(family.path(anchor.name), anchor.pem) for anchor in anchors])
    lacking = [family.path(anchor.name) for anchor in anchors if anchor.name not in has.bundled - has.unhashed]
    if not differing and not lacking:
        return Change()
    # what was there before needs more than an update, which looks for new files alone
    again = any(path in has.files for path in [*lacking, *(file.path for file in differing)])
    return Change(
        tuple(differing),
        update=family.repair if again else family.update,
        what=("system store repaired" if again else "system store",),
    )


def _runtimes(has: Trust, wanted: Wanted) -> Change:
    anchors = [(anchor.name, anchor.pem) for anchor in wanted.anchors if anchor.sha256 in wanted.own]
    files: list[File] = []
    what: list[str] = []
    for row, folder in ((RUNTIMES[name], folder) for name, folder in has.folders if anchors):
        if row.kept_as not in wanted.stores:
            continue
        kept = row.files(folder, wanted.site, wanted.names, anchors)
        if foreign := [file.path for file in kept if file.path in has.foreign]:
            return Change(
                cause=f"{foreign[0]} is someone else's: move it away and the next run writes ours, or name our CA in "
                f"it (ca = [...]) and take {row.kept_as} out of trust: {{stores: ...}}"
            )
        if differing := _differing(has, kept):
            files += differing
            what.append(row.kept_as)
    return Change(tuple(files), what=tuple(what))


def _memory(has: Trust, wanted: Wanted) -> Change:
    """The line in the hosts file, and the host's own memory of the site."""
    line = wanted.hosts_line
    if has.hosts_line == (f"{line} {OURS}{wanted.site}" if line else has.hosts_line):
        line = ""
    files: tuple[File, ...] = ()
    if set(wanted.marker) - set(has.marker):
        lines = sorted({*wanted.marker, *has.marker})
        files = (File(wanted.marker_file, "".join(f"{each}\n" for each in lines)),)
    return Change(files, hosts_line=line, what=(HOSTS,) if line else ())


def _differing(has: Trust, files: Sequence[File]) -> list[File]:
    return [file for file in files if has.files.get(file.path) != file.sha256]


def to_put(has: Trust, wanted: Wanted) -> list[Anchor]:
    """The anchors that belong into the host's system store: all that it doesn't have as a file of someone else's. One
    that the folder of hash links passes over there (two certificates in one file) is put as well."""
    return [anchor for anchor in wanted.anchors if anchor.name not in has.elsewhere or anchor.name in has.unhashed]


def _declare(family: Family, anchors: Sequence[Anchor]) -> str:
    files = " ".join(f"./{anchor.name}" for anchor in anchors)
    subjects = " and ".join(anchor.subject for anchor in anchors)
    return (
        f"{family.name} takes no CA but a declared one; {family.declared.format(file=files)} "
        f"with {subjects} as PEM in {family.folder}, then {family.update}"
    )


def _notes(has: Trust, wanted: Wanted, update: str) -> tuple[str, ...]:
    declared = {anchor.name for anchor in wanted.anchors}
    found = ((path, ANCHOR.search(path)) for path in has.files)
    names = {path: f"anchorline-{each['site']}-{each['digest']}.crt" for path, each in found if each}
    proved = has.family.proved if has.family else ""
    unproved = bool(update) and not proved.startswith(REAL)
    return (
        *(
            [f"the row {has.family.name} is not proved on a real userland ({proved}): look after this host"]
            if has.family and unproved
            else []
        ),
        *(
            f"trusted already as {path}, not doubled"
            for name, path in has.elsewhere.items()
            if name not in has.unhashed
        ),
        *(f"surplus, not declared: {path}" for path in sorted(names) if names[path] not in declared),
        *(f"not ours, and bears our prefix: {path}" for path in sorted(has.strays)),
        *([f"surplus, not declared: the line in {HOSTS}"] if has.hosts_line and not wanted.hosts_line else []),
    )
