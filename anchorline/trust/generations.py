"""Which generations of a site's CA a host holds, store by store. Pure: no host, no disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ANCHOR, ObservedTrust
from anchorline.trust.plan import difference
from anchorline.trust.stores.merged import STORES
from anchorline.trust.stores.runtimes import RUNTIMES
from anchorline.trust.stores.third_party import CONFIGURATIONS, OWNED_FILES


def generations(has: ObservedTrust, wanted: DesiredTrust, words: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """For each store that is in use and that the spec wants kept: the generations that are whole there.

    ``words`` says what a CA is called, by its SHA-256, such as ``present``; one that it doesn't know goes by the first
    digits of its own. A file that differs from what was written holds nothing.
    """
    named = {anchor.name: words.get(anchor.sha256, anchor.sha256[:12]) for anchor in wanted.anchors}
    own = [anchor for anchor in wanted.anchors if anchor.sha256 in wanted.own]
    found: dict[str, set[str]] = {}
    if "system" in wanted.stores and has.family:
        here = {named[anchor.name] for anchor in own if anchor.name in has.bundled - has.unhashed}
        found["system"] = here | _strange(has.files, f"{has.family.folder}/", named)
    for name, folder in has.folders:
        if RUNTIMES[name].kept_as in wanted.stores and wanted.names:
            here = {
                named[anchor.name]
                for anchor in own
                if all(has.files.get(f"{folder}/{each}/{anchor.name}") == _digest(anchor.pem) for each in wanted.names)
            }
            found.setdefault(RUNTIMES[name].kept_as, set()).update(here | _strange(has.files, f"{folder}/", named))
    for store in {STORES[each.kind] for each in has.merged_stores.keystores} & {*wanted.stores}:
        paths = [each.path for each in has.merged_stores.keystores if STORES[each.kind] == store]
        held_by_all = [
            anchor for anchor in own if all((anchor.name, path) in has.merged_stores.holds for path in paths)
        ]
        found[store] = {named[anchor.name] for anchor in held_by_all}
    files = {row.store for row in (*CONFIGURATIONS, *OWNED_FILES)} & has.merged_stores.stores & {*wanted.stores}
    if files and wanted.names:
        lacking = difference(has, wanted).what
        # such a file names all of them together
        found |= {store: set() if store in lacking else {named[each.name] for each in own} for store in files}
    return {store: tuple(sorted(found[store])) for store in wanted.stores if store in found}


def _strange(files: Iterable[str], folder: str, named: Mapping[str, str]) -> set[str]:
    """The first digits of CAs of the site that nobody declares any more, by our files below a folder."""
    matches = (ANCHOR.search(path) for path in files if path.startswith(folder))
    known = {found["digest"] for found in map(ANCHOR.search, (f"/{name}" for name in named)) if found}
    return {found["digest"] for found in matches if found} - known


def _digest(pem: str) -> str:
    return sha256(pem.encode()).hexdigest()
