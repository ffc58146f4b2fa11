"""The scripts of trust: the probe, the change of a host's stores, the way back, what an exported script is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from anchorline.authority import Anchor
from anchorline.fleet.scripts import STATE, Inputs, Script, state_folder
from anchorline.trust.observed import HOSTS, OS_RELEASE
from anchorline.trust.processes.stale import Stamps
from anchorline.trust.stores import families, formats, merged, runtimes
from anchorline.trust.stores.families import Family
from anchorline.trust.stores.third_party import CONFIGURATIONS, OWNED_FILES, bundle


@dataclass(frozen=True, kw_only=True)
class Layers(Inputs):
    """Where the host's system keeps what it trusts, as layers.sh asks it; empty where the row has no such thing."""

    bundle: str
    links: str
    p11: str

    @classmethod
    def of(cls, family: Family | None) -> Self:
        """Of the row that the host has, if it has one."""
        if family is None:
            return cls(bundle="", links="", p11="")
        return cls(bundle=family.bundle, links=family.hashed, p11=family.p11)


@dataclass(frozen=True, kw_only=True)
class Folders(Inputs):
    """What the probe at stores that are folders of CAs is told. ``families`` and ``runtimes`` are the tables' rows,
    ``users`` those whose homes count."""

    site: str
    state: str
    stamps: Stamps
    release: str
    hosts: str
    families: tuple[str, ...]
    runtimes: tuple[str, ...]
    users: tuple[str, ...]

    @classmethod
    def of(cls, site: str, users: Iterable[str] = ()) -> Self:
        """For any host of a site."""
        return cls(
            site=site,
            state=state_folder(site),
            stamps=Stamps.of(site),
            release=OS_RELEASE,
            hosts=HOSTS,
            families=tuple(families.rows()),
            runtimes=tuple(runtimes.rows()),
            users=tuple(users),
        )


@dataclass(frozen=True, kw_only=True)
class FoldersProbe(Script):
    """The probe at stores that are folders of CAs, for a host that is asked nothing else."""

    folders: Folders
    sources = (
        "fleet/shell/words.sh",
        "fleet/shell/pem.sh",
        "fleet/shell/ours.sh",
        "fleet/shell/users.sh",
        "trust/processes/stale.sh",
        "trust/probe.sh",
    )
    surrounding = ("data",)


@dataclass(frozen=True, kw_only=True)
class TrustProbe(Script):
    """The whole probe: folders of CAs, and the stores that aren't folders, as merged_probe.sh takes them."""

    folders: Folders
    configurations: tuple[str, ...]
    owned_files: tuple[str, ...]
    site_bundle: str
    java: str
    jvms: tuple[str, ...]
    system_keystores: tuple[str, ...]
    databases: tuple[str, ...]
    nicknames: tuple[str, ...]
    sites: str
    largest: int
    sources = (*FoldersProbe.sources, "trust/stores/jdk.sh", "trust/stores/merged_probe.sh")
    surrounding = ("data",)

    @classmethod
    def of(cls, site: str, users: Iterable[str] = (), anchors: Iterable[Anchor] = ()) -> Self:
        """For any host of a site. ``users``: whose homes count; ``anchors``: those that keystores should hold."""
        return cls(
            folders=Folders.of(site, users),
            configurations=tuple(f"{row.store} {row.path} {','.join(row.used)}" for row in CONFIGURATIONS),
            owned_files=tuple(
                f"{row.store} {row.path.format(site=site, host='*')} {','.join(row.used)}" for row in OWNED_FILES
            ),
            site_bundle=bundle(site),
            java="java",
            jvms=merged.JVMS,
            system_keystores=tuple(dict.fromkeys(family.java for family in families.FAMILIES if family.java)),
            databases=merged.DATABASES,
            nicknames=nicknames(anchors),
            sites=STATE,
            largest=formats.LARGEST,
        )


@dataclass(frozen=True, kw_only=True)
class ChangeTrust(Script):
    """What every change of a host's stores is told. ``unchanged`` are files of others as they were seen, ``tasks`` are
    for keystores; ``update`` is the system's command, or nothing; ``lock`` a file that all sites share."""

    site: str
    state: str
    stamps: Stamps
    layers: Layers
    lock: str
    unchanged: tuple[str, ...]
    tasks: tuple[str, ...]
    pems: tuple[str, ...]
    nicknames: tuple[str, ...]
    hosts: str
    hosts_line: str
    update: str
    summary: str


_CHANGING = (
    "fleet/shell/words.sh",
    "fleet/shell/files.sh",
    "fleet/shell/lock.sh",
    "fleet/shell/pem.sh",
    "fleet/shell/users.sh",
    "trust/stores/layers.sh",
    "trust/hosts.sh",
    "trust/processes/stale.sh",
    "trust/stores/merged.sh",
    "trust/stores/jdk.sh",
    "trust/stores/keystores.sh",
)


@dataclass(frozen=True, kw_only=True)
class ApplyTrust(ChangeTrust):
    """Put files in their places and make the system see its anchors. ``folders`` are those of the files, ``merged`` the
    files of others that get our entry, ``anchors`` paths, ``digests`` the SHA-256 of all anchors."""

    folders: tuple[str, ...]
    merged: tuple[str, ...]
    anchors: tuple[str, ...]
    digests: tuple[str, ...]
    sources = (*_CHANGING, "trust/apply.sh")


@dataclass(frozen=True, kw_only=True)
class AnchorsProbe(Script):
    """What a host holds of a site's CAs, and what it serves, as certificates. ``listen`` and ``port`` are empty but on
    the registry's host."""

    site: str
    state: str
    places: tuple[str, ...]
    owned_files: tuple[str, ...]
    users: tuple[str, ...]
    listen: str
    port: str
    sources = ("fleet/shell/words.sh", "fleet/shell/pem.sh", "fleet/shell/users.sh", "trust/removal/probe.sh")


@dataclass(frozen=True, kw_only=True)
class Withdraw(ChangeTrust):
    """Take one CA away: ``ca`` is its SHA-256, ``certificate`` its PEM where anybody still has it; ``gone`` are paths,
    ``restored`` files of others that become their backups; ``last``: the site has no other CA here, and what is
    ``remembered`` of it goes as well."""

    gone: tuple[str, ...]
    restored: tuple[str, ...]
    last: bool
    remembered: tuple[str, ...]
    certificate: str
    vendors: str
    ban: bool
    ca: str
    sources = (*_CHANGING, "trust/removal/withdraw.sh")


@dataclass(frozen=True, kw_only=True)
class ExportedTrust(Script):
    """The part of an exported script that finds out what its host lacks. ``system`` and ``stores`` are the files that a
    host may need, a line each; ``families`` names with the words of os-release; ``unknown`` and ``nameless`` are said
    where none fits. What ``surrounding`` names is set by the functions that export.py writes beside it."""

    site: str
    state: str
    system: tuple[str, ...]
    stores: tuple[str, ...]
    marker: tuple[str, ...]
    digests: tuple[str, ...]
    hosts_entry: str
    families: tuple[str, ...]
    unknown: str
    nameless: str
    sources = ("trust/alone.sh",)
    surrounding = (
        *("folder", "suffix", "make", "repair", "undeclared", "note"),
        *("put", "due", "asked", "says", "noted", "refused"),
    )


def nicknames(anchors: Iterable[Anchor]) -> tuple[str, ...]:
    """Each anchor's name with its SHA-256 as keytool prints it."""
    return tuple(f"{each.name} {bytes.fromhex(each.sha256).hex(':').upper()}" for each in anchors)
