"""What a host has of trust, as its probe printed it. Pure: no host, no disk."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from anchorline.fleet import words
from anchorline.fleet.scripts import state_folder
from anchorline.problem import ProblemError
from anchorline.trust.processes import stale
from anchorline.trust.processes.stale import Process
from anchorline.trust.stores import merged
from anchorline.trust.stores.families import Family, family_of
from anchorline.trust.stores.merged import ObservedStores
from anchorline.trust.stores.runtimes import RUNTIMES

OURS = "# anchorline "
"""How a line or a file of ours in a place that others use too begins or ends; the site's name follows."""
HOSTS = "/etc/hosts"
OS_RELEASE = "/etc/os-release"

ANCHOR = re.compile(r"/anchorline-(?P<site>[a-z0-9-]+)-(?P<digest>[0-9a-f]{12})\.(?:crt|pem)$")
"""The path of an anchor's file. A site's name may begin like another's, so that a shell's pattern can't tell them."""
_MARK = re.compile(r"(ca|also) [0-9a-f]{64}")
_PATHS = {"file", "foreign", "elsewhere", "runtime", "keystore", "holds", "kept"}
"""The kinds of lines that end with a path."""


@dataclass(frozen=True)
class ObservedTrust:
    """One host's trust, as its probe printed it.

    ``bundled`` are the anchors (file names) that the system trusts; ``unhashed`` those of them that its folder of hash
    links lacks; ``elsewhere`` those that it has under a file of someone else's. ``files`` are ours, path to SHA-256.
    ``foreign`` are files of others where ours would go, ``strays`` those among the anchors that bear our prefix.
    ``marker`` is the host's own memory of the site, a line for each anchor: ``ca SHA256`` or ``also SHA256``.
    ``folders`` are the runtimes in use with the folder of each; ``merged_stores`` what isn't a folder of ours.
    ``passed`` are keystores that are passed over: the store's name in the spec, and what is passed over, why.
    ``stale`` are the processes that hold the roots of before the last change; ``odd`` paths with control characters,
    which nobody looks into.
    """

    os_ids: tuple[str, ...]
    family: Family | None
    bundled: frozenset[str] = frozenset()
    unhashed: frozenset[str] = frozenset()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    tools: frozenset[str] = frozenset()
    folders: tuple[tuple[str, str], ...] = ()
    merged_stores: ObservedStores = field(default_factory=ObservedStores)
    files: Mapping[str, str] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()
    strays: frozenset[str] = frozenset()
    marker: tuple[str, ...] = ()
    hosts_line: str = ""
    passed: tuple[tuple[str, str], ...] = ()
    stale: tuple[Process, ...] = ()
    odd: tuple[str, ...] = ()

    @property
    def runtimes(self) -> tuple[str, ...]:
        """The container runtimes that are in use here, in the order of their table."""
        return tuple(name for name in RUNTIMES if name in self.tools)


def read(lines: Sequence[str], site: str) -> ObservedTrust:
    """Read what probe.sh printed. Raises ValueError for what it can't have printed, and for a damaged marker."""
    said = words.read(lines)
    odd = [path for kind in _PATHS for *_, path in said.get(kind, ()) if words.controls(path)]
    for kind in _PATHS & said.keys():
        said[kind] = [line for line in said[kind] if not words.controls(line[-1])]
    if "os" not in said:
        raise ProblemError("the host's answer says nothing of its system")
    os_ids = said["os"][0]
    family = family_of(os_ids, [name for (name,) in said.get("family", ())])
    files = {path: digest for digest, path in said.get("file", ())}
    marker = tuple(map(" ".join, said.get("marker", ())))
    for number, line in enumerate(marker, 1):
        if line.startswith(("ca", "also")) and not _MARK.fullmatch(line):
            raise ProblemError(f"{state_folder(site)}/anchors, which the host keeps, is damaged at line {number}")
    return ObservedTrust(
        os_ids=os_ids,
        family=family,
        bundled=frozenset(name for of, name in said.get("bundled", ()) if family and of == family.name),
        unhashed=frozenset(name for of, name in said.get("unhashed", ()) if family and of == family.name),
        elsewhere={name: path for of, name, path in said.get("elsewhere", ()) if family and of == family.name},
        tools=frozenset(name for name, *_ in said.get("runtime", ())),
        folders=tuple((name, path) for name, *folder in said.get("runtime", ()) for path in folder),
        merged_stores=merged.read(said),
        files={path: digest for path, digest in files.items() if _is_of(path, site)},
        foreign=frozenset(path for (path,) in said.get("foreign", ())),
        strays=frozenset(path for path in files if "/anchorline-" in path and not ANCHOR.search(path)),
        marker=marker,
        hosts_line="\n".join(map(" ".join, said.get("hosts", ()))),
        passed=tuple((store, " ".join(what)) for store, *what in said.get("passed", ())),
        stale=stale.read(said.get("stale", ())),
        odd=tuple(dict.fromkeys(odd)),
    )


def _is_of(path: str, site: str) -> bool:
    anchor = ANCHOR.search(path)
    # the probe prints no file of another site that bears its site in its first line
    return anchor["site"] == site if anchor else "/anchorline-" not in path
