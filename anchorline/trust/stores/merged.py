"""Stores that aren't folders of CAs: what a host has of them, what is due there, and how it is taken back. Pure."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from anchorline.authority import Anchor
from anchorline.fleet.scripts import File
from anchorline.problem import Problem
from anchorline.trust.stores.formats import LARGEST
from anchorline.trust.stores.merging import LEFT, Configuration, Fragment, MergeError
from anchorline.trust.stores.third_party import CONFIGURATIONS, OWNED_FILES, SHARED, bundle

BACKUP = ".anchorline-backup"
"""What a file of others was before we first wrote to it, beside it."""
JVMS = ("/usr/lib/jvm/*", "/usr/java/*", "/opt/*")
DATABASES = (".pki/nssdb", ".mozilla/firefox/*", "snap/chromium/current/.pki/nssdb")
"""NSS databases in a user's home: Chromium's and the tools', Firefox's profiles, Chromium's as a snap."""
STORES = {"java": "java", "system": "java", "nss": "nss"}
"""The kinds of keystores, and what the spec calls their stores. ``system`` is Java's that the system's update keeps."""
NEEDS = {"system": "system"}
"""The store that a kind of keystore is made from."""


class Action(StrEnum):
    """What is done with an anchor in a keystore. By its word keystores.sh has the functions: ``add_java``."""

    ADD = "add"
    DROP = "drop"


@dataclass(frozen=True)
class Keystore:
    """One keystore: its kind, who keeps it (keytool's path, or a user), where it lies. Raises ValueError for another
    kind."""

    kind: str
    who: str
    path: str

    def __post_init__(self) -> None:
        if self.kind not in STORES:
            raise ValueError("the host's answer names a keystore of no known kind")

    def task(self, action: Action, anchor: str) -> str:
        """What keystores.sh is told to do with an anchor."""
        return f"{action} {self.kind} {self.who} {anchor} {self.path}"


@dataclass(frozen=True)
class Text:
    """A file of others: its content, and its mode in octal digits. ``-`` for one that isn't there."""

    content: str
    mode: str

    def __repr__(self) -> str:
        return f"Text(mode={self.mode!r})"  # it may hold a password


@dataclass(frozen=True)
class ObservedStores:
    """What the probe saw. ``holds`` are anchors (file names) with the keystores that have them, ``kept`` those that we
    put there; ``siblings`` says whether other sites are on the host."""

    texts: Mapping[str, Text] = field(default_factory=dict)
    backups: Mapping[str, str] = field(default_factory=dict, repr=False)  # as in Text
    owned_files: frozenset[str] = frozenset()
    keystores: tuple[Keystore, ...] = ()
    holds: frozenset[tuple[str, str]] = frozenset()
    kept: tuple[tuple[str, Keystore], ...] = ()
    siblings: bool = False

    @property
    def stores(self) -> frozenset[str]:
        """The stores that are in use here."""
        rows = (row.store for row in CONFIGURATIONS if row.path in self.texts)
        return frozenset(rows) | self.owned_files | {STORES[each.kind] for each in self.keystores}


def read(said: Mapping[str, Sequence[tuple[str, ...]]]) -> ObservedStores:
    """Read what merged_probe.sh printed, by the first word of each line. Raises ValueError for what it can't have
    printed."""
    for (path,) in said.get("large", ()):
        raise MergeError(f"{path} is larger than {LARGEST // 1024} KiB", LEFT)
    # a line of the host's memory may have blanks in its path
    kept = tuple((name, Keystore(kind, who, " ".join(path))) for name, _, kind, *path, who in said.get("kept", ()))
    return ObservedStores(
        texts={path: Text(_whole(said, "content", path), mode) for _, mode, path in said.get("config", ())},
        backups={path: _whole(said, "before", path) for (path,) in said.get("backup", ())},
        owned_files=frozenset(store for (store,) in said.get("owned", ())),
        keystores=tuple(Keystore(kind, who, path) for kind, who, path in said.get("keystore", ())),
        holds=frozenset((name, path) for name, path in said.get("holds", ())),
        kept=kept,
        siblings="sibling" in said,
    )


def _whole(said: Mapping[str, Sequence[tuple[str, ...]]], kind: str, path: str) -> str:
    raw = b64decode("".join(part for of, part in said.get(kind, ()) if of == path), validate=True)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        start = error.start
    raise MergeError(f"{path} is not UTF-8 at byte {start}", LEFT)  # behind the handler, whose error holds the file


@dataclass(frozen=True)
class StoresPlan:
    """What has to be done about these stores on one host. ``merged`` are files of others, ``unchanged`` what they were
    when they were read; ``tasks`` ask every keystore, ``lacking`` tells that one lacks an anchor, ``system`` that it is
    one that the system's update keeps; ``problem`` set: it can't be
    done."""

    files: tuple[File, ...] = ()
    merged: tuple[File, ...] = ()
    unchanged: tuple[File, ...] = ()
    tasks: tuple[str, ...] = ()
    lacking: bool = False
    system: bool = False
    what: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True)
class DesiredStores:
    """What these stores should have: all anchors in keystores, the site's ``own`` where they vouch for its registry's
    names alone."""

    site: str
    stores: Sequence[str]
    anchors: Sequence[Anchor]
    own: Sequence[str]
    names: Sequence[str]
    hosts: Sequence[str]
    configure: bool = False


def due(
    has: ObservedStores, wanted: DesiredStores, files: Mapping[str, str], foreign: frozenset[str], system_bundle: str
) -> StoresPlan:
    """What one host lacks. ``files`` are ours, path to SHA-256; ``foreign`` those of others in their places."""
    rows = [row for row in CONFIGURATIONS if row.path in has.texts and row.store in wanted.stores]
    try:
        merging = _merging(has, wanted, rows) if wanted.own and wanted.names else StoresPlan()
    except MergeError as error:
        return StoresPlan(problem=error.problem)
    ours = _ours(has, wanted, rows, system_bundle) if wanted.own else []
    if strange := [file.path for file in ours if file.path in foreign]:
        problem = Problem(f"{strange[0]} is someone else's", "move it away, and the next run writes ours")
        return StoresPlan(problem=problem)
    differing = [file for file in ours if files.get(file.path) != file.sha256]
    stores = [row.store for file in differing for row in OWNED_FILES if row.is_at(file.path)]
    keystores = [each for each in has.keystores if {STORES[each.kind], NEEDS.get(each.kind)} <= {None, *wanted.stores}]
    lacking = [each for each in keystores for anchor in wanted.anchors if (anchor.name, each.path) not in has.holds]
    what = (*merging.what, *(stores or [SHARED] * bool(differing)), *(STORES[each.kind] for each in lacking))
    return replace(
        merging,
        files=tuple(differing),
        tasks=tuple(each.task(Action.ADD, anchor.name) for each in keystores for anchor in wanted.anchors),
        lacking=bool(lacking),
        system=any(each.kind == "system" for each in lacking),
        what=tuple(dict.fromkeys(what)),
    )


def _merging(has: ObservedStores, wanted: DesiredStores, rows: Sequence[Configuration]) -> StoresPlan:
    """The files of others. Raises MergeError for one that can't be merged."""
    merged, unchanged, what, notes = [], [], [], []
    for row in rows:
        old = has.texts[row.path]
        shown = row.asked and not wanted.configure
        try:
            new = row.merged(old.content, Fragment(wanted.names, bundle(wanted.site)))
        except MergeError as error:
            if not shown:
                raise
            notes.append(str(error))
            continue
        if new == old.content:
            continue
        if shown:
            notes.append(f"{row.path} should name {row.asked}: `trust: {{{row.store}: {{configure: true}}}}` writes it")
            continue
        merged.append(File(row.path, new, "644" if old.mode == "-" else old.mode))
        unchanged.append(File(row.path, old.content, old.mode))
        what.append(row.store)
        notes.append(row.word)
    return StoresPlan(merged=tuple(merged), unchanged=tuple(unchanged), what=tuple(what), notes=tuple(notes))


def _ours(has: ObservedStores, wanted: DesiredStores, rows: Sequence[Configuration], system_bundle: str) -> list[File]:
    """The files that are ours as a whole; the site's bundle where a file of others names it."""
    named = wanted.names and any(not row.common for row in rows)
    files = [File(bundle(wanted.site), OWNED_FILES[0].text(wanted.site, wanted.own, ""))] if named else []
    for row in OWNED_FILES:
        if row.store in has.owned_files and row.store in wanted.stores:
            text = row.text(wanted.site, wanted.own, system_bundle)
            files += [File(path, text) for path in row.paths(wanted.site, wanted.hosts)]
    return files


@dataclass(frozen=True)
class StoresRemoval:
    """How files of others get rid of our entries: ``rewritten`` with their new content, ``restored`` from the backup,
    ``gone`` where nothing but ours was in them; ``spent`` are backups that nobody needs any more."""

    rewritten: tuple[File, ...] = ()
    restored: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    spent: tuple[str, ...] = ()
    unchanged: tuple[File, ...] = ()
    what: tuple[str, ...] = ()


def back(has: ObservedStores, site: str) -> StoresRemoval:
    """Take the site's entries out of every file of others. Raises MergeError for one that doesn't parse any more."""
    rewritten, restored, gone, spent, unchanged, what = [], [], [], [], [], []
    fragment = Fragment((), bundle(site))
    for row in CONFIGURATIONS:
        old, backup = has.texts.get(row.path), has.backups.get(row.path)
        if old is None or (row.common and has.siblings):
            continue
        restoring = backup is not None and row.adds_up(old.content, backup, fragment)
        left = backup if restoring else row.without(old.content, fragment)
        # what is the same for all sites may have stood there before us: then there is no backup
        if left == old.content or (row.common and backup is None and left):
            continue
        what.append(row.store)
        unchanged.append(File(row.path, old.content, old.mode))
        if restoring:
            restored.append(row.path)
        elif left:
            rewritten.append(File(row.path, left, old.mode))
            spent += [row.path + BACKUP] if backup is not None and SHARED not in left else []
        else:
            gone.append(row.path)
    return StoresRemoval(*map(tuple, (rewritten, restored, gone, spent, unchanged, what)))  # type: ignore[arg-type]
