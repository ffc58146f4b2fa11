"""What hosts hold of a CA, whether it may go, and what has to go with it. Pure: no host, no disk."""

from __future__ import annotations

import re
import ssl
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from cryptography import x509

from anchorline.characters import FEW, some
from anchorline.errors import AnchorlineError
from anchorline.fleet import words
from anchorline.fleet.scripts import File, state_folder
from anchorline.problem import Problem
from anchorline.render import render
from anchorline.trust.observed import ANCHOR, ObservedTrust
from anchorline.trust.observed import read as read_trust
from anchorline.trust.plan import SYSTEM
from anchorline.trust.stores import merged
from anchorline.trust.stores.families import FAMILIES
from anchorline.trust.stores.merging import MergeError
from anchorline.trust.stores.runtimes import RUNTIMES, in_a_home, runtime_of
from anchorline.trust.stores.third_party import OWNED_FILES, bundle

_WORD = re.compile(r"[0-9a-f]{12,64}")
_BANNED = "banned"


@dataclass(frozen=True)
class ObservedAnchors:
    """One host's trust with the certificates in our files: by path, in DER form, empty for a file that holds none.
    ``bundles`` are our files that hold several; ``served`` are the certificates that the registry serves, where it is
    here. ``unread`` is what was passed over there, and why."""

    trust: ObservedTrust
    certificates: Mapping[str, bytes] = field(default_factory=dict)
    bundles: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)
    served: tuple[x509.Certificate, ...] = ()
    unread: tuple[str, ...] = ()

    @cached_property
    def digests(self) -> frozenset[str]:
        """The CAs that are here: SHA-256 where a certificate or the marker tells it, else the 12 digits of a name."""
        full = {sha256(der).hexdigest() for path, der in self.certificates.items() if der and not _bans(path)}
        full |= {line.split()[1] for line in self.trust.marker if line.startswith(("ca ", "also "))}
        short = {_digest(path) for path in self.certificates if not _bans(path)}
        return frozenset(full | (short - {sha[:12] for sha in full}))


def read(lines: Sequence[str], site: str) -> ObservedAnchors:
    """Read what the two probe.sh printed. Raises ValueError for what they can't have printed.

    A file may be a user's, who writes there what he likes: one that is no certificate is told, and passed over.
    """
    said = words.read(lines)
    certificates: dict[str, bytes] = {}
    bundles: dict[str, list[bytes]] = {}
    unread = [" ".join(why) for why in said.get("unread", ())]
    for body, path in said.get("certificate", ()):
        found = ANCHOR.search(path)
        if words.controls(path):
            unread.append(f"{path}: its name has control characters")
        elif found and found["site"] == site:
            der = certificates[path] = _der(body)
            unread += [] if der else [f"{path}: no certificate"]
    for path, *bodies in said.get("bundle", ()):
        ders = [*map(_der, bodies)]
        bundles.setdefault(path, []).extend(filter(None, ders))
        unread += [] if all(ders) else [f"{path}: not all of it is certificates"]
    served = [_der("".join(body)) for body in said.get("served", ())]
    unread += [] if all(served) else ["what the registry serves: not all of it is certificates"]
    return ObservedAnchors(
        read_trust(lines, site),
        certificates,
        {path: tuple(found) for path, found in bundles.items()},
        tuple(map(x509.load_der_x509_certificate, filter(None, served))),
        tuple(dict.fromkeys(unread)),
    )


def _der(body: str) -> bytes:
    """A certificate in base64 as DER, if it is one that can be read in all its parts, else nothing."""
    try:
        der = b64decode(body, validate=True)
        certificate = x509.load_der_x509_certificate(der)
        # its parts are parsed when they are asked for
        repr((certificate.subject, certificate.issuer, certificate.extensions, certificate.public_key()))
    except Exception:
        # the parser has an exception of its own for each way to be none
        return b""
    return der


def places() -> list[str]:
    """The folders, with patterns, where anchors of ours may lie."""
    system = (each for family in FAMILIES for each in (family.folder, family.blocklist) if each)
    return list(dict.fromkeys((*system, *(f"{runtime.folder}/*" for runtime in RUNTIMES.values()))))


def owned_files(site: str) -> list[str]:
    """The files, with patterns, that are ours as a whole and no single anchor's."""
    return [bundle(site), *(row.path.format(site=site, host="*") for row in OWNED_FILES)]


def digits(given: object) -> str:
    """The CA that was asked for, as the first digits of its SHA-256. Raises AnchorlineError."""
    # pyinfra makes a number of what looks like one
    text = str(given).zfill(12) if isinstance(given, int) else str(given or "")
    word = text.replace(":", "").lower()
    if not _WORD.fullmatch(word):
        raise AnchorlineError(
            f"which CA? `--data ca=SHA256`, at least the first 12 of its hexadecimal digits, is needed, not {text!r}",
            "`anchorline pki show` and a host's /var/lib/anchorline/sites/SITE/anchors have them",
        )
    return word


def choose(word: str, hosts: Mapping[str, ObservedAnchors], declared: Iterable[str] = ()) -> str:
    """The one CA whose SHA-256 begins so, of those that hosts hold and the spec declares.

    A whole SHA-256 that nobody knows is what a second run finds: it is returned. Raises AnchorlineError for fewer
    digits that nobody knows, or that several CAs begin with.
    """
    known: dict[str, list[str]] = {sha: [] for sha in declared}
    for host, observed in hosts.items():
        for sha in observed.digests:
            known.setdefault(sha, []).append(host)
    # a name's 12 digits on one host are the CA that another one tells in full
    for sha in [each for each in known if len(each) > 12]:
        known[sha] = list(dict.fromkeys((*known[sha], *known.get(sha[:12], ()))))
    for short in {sha[:12] for sha in known if len(sha) > 12}:
        known.pop(short, None)
    found = [sha for sha in known if sha.startswith(word) or word.startswith(sha)]
    if len(found) == 1:
        return max(found[0], word, key=len)
    if len(word) == 64 and not found:
        return word
    if not found:
        raise AnchorlineError(f"no host holds a CA that begins with {word}; those of this site are: {_told(known)}")
    raise AnchorlineError(
        f"several CAs begin with {word}: {_told({sha: known[sha] for sha in found})}",
        "give more digits of the one that shall go, or all 64, which no other CA has",
    )


def _told(known: Mapping[str, Sequence[str]]) -> str:
    told = [f"{sha} ({some(hosts) if hosts else 'the spec'})" for sha, hosts in sorted(known.items())]
    return "; ".join([*told[:FEW], *([f"and {len(told) - FEW:,} more"] if len(told) > FEW else [])]) or "none"


@dataclass(frozen=True)
class Removal:
    """What has to be done on one host to be rid of a CA. ``last``: the site has no other CA there.

    ``restored`` are files of others that become what their backups are; ``unchanged`` is what files of others were when
    they were looked at; ``tasks`` are for keystores. ``problem`` set: it can't be done.
    """

    gone: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    restored: tuple[str, ...] = ()
    unchanged: tuple[File, ...] = ()
    tasks: tuple[str, ...] = ()
    update: str = ""
    last: bool = False
    what: tuple[str, ...] = ()
    problem: Problem | None = None

    def __bool__(self) -> bool:
        return bool(self.gone or self.files or self.restored or self.tasks)


def removal(has: ObservedAnchors, site: str, sha: str, ban: str = "") -> Removal:
    """What goes from one host: the CA's files, its entries in other files and keystores, its line in the host's memory.

    ``ban`` is the certificate as PEM, where it shall be distrusted as well.
    """
    name, family = f"anchorline-{site}-{sha[:12]}.crt", has.trust.family
    ours = {path for path in has.certificates if not _bans(path)}
    gone = sorted(path for path in ours if _digest(path) == sha[:12])
    others = {path: _digest(path) for path in ours if _digest(path) != sha[:12]}
    # what a user lays there is no other CA of the site's, unless the host's memory has it
    last = bool(gone) and not any(not in_a_home(path) or _remembers(has, word) for path, word in others.items())
    what = [SYSTEM] if family and family.path(name) in gone else []
    parts = [_folders(has, site, gone), _bundles(has, site, sha, last=last)]
    entries = merged.StoresRemoval()
    if bundle(site) in parts[1].gone:
        try:
            entries = merged.back(has.trust.merged_stores, site)
        except MergeError as error:
            return Removal(problem=error.problem)
    dropped = [keystore for kept, keystore in has.trust.merged_stores.kept if kept == name]
    tasks = [each.task(merged.Action.DROP, name) for each in dropped]
    parts.append(_Part(entries.rewritten, entries.gone, entries.what))
    parts.append(_Part(what=tuple(merged.STORES[each.kind] for each in dropped)))
    files = [file for part in parts for file in part.files]
    gone += [path for part in parts for path in part.gone]
    what += dict.fromkeys(each for part in parts for each in part.what)
    memory = _memory(has, site, sha)
    files += memory.files
    gone += memory.gone
    what = what or [*memory.what]
    banned = family.banned(name) if family and ban else ""
    if banned and banned not in has.certificates:
        files.append(File(banned, ban))
        what.append(_BANNED)
    system = family and not family.declared and bool({SYSTEM, _BANNED} & set(what))
    return Removal(
        gone=(*gone, *entries.spent),
        files=tuple(files),
        restored=entries.restored,
        unchanged=entries.unchanged,
        tasks=tuple(tasks),
        update=family.without(name) if family and system else "",
        last=last,
        what=tuple(dict.fromkeys(what)),
    )


@dataclass(frozen=True)
class _Part:
    files: tuple[File, ...] = ()
    gone: tuple[str, ...] = ()
    what: tuple[str, ...] = ()


def _folders(has: ObservedAnchors, site: str, going: Sequence[str]) -> _Part:
    """The hosts.toml beside the anchors that go: without them, or not at all."""
    files, gone, what = [], [], []
    for folder in dict.fromkeys(path.rpartition("/")[0] for path in going):
        runtime = runtime_of(folder)
        if runtime is None:
            continue
        what.append(runtime.kept_as)
        toml = f"{folder}/hosts.toml"
        left = sorted(path for path in has.certificates if path.startswith(f"{folder}/") and path not in going)
        if toml in has.trust.files and left:
            host = folder.rpartition("/")[2]
            files.append(File(toml, render("hosts.toml.j2", site=site, name=host, anchors=left)))
        elif toml in has.trust.files:
            gone.append(toml)
    return _Part(tuple(files), tuple(gone), tuple(what))


def _bundles(has: ObservedAnchors, site: str, sha: str, *, last: bool) -> _Part:
    """Our files that hold several CAs: without this one. With the site's last CA all of them go."""
    files, gone = [], []
    for path, ders in has.bundles.items():
        left = [der for der in ders if sha256(der).hexdigest() != sha]
        if last or (ders and not left):
            gone.append(path)
        elif len(left) < len(ders):
            pems = [ssl.DER_cert_to_PEM_cert(der) for der in left]
            files.append(File(path, render("bundle.pem.j2", site=site, pems=pems)))
    touched = (*gone, *(file.path for file in files))
    return _Part(tuple(files), tuple(gone), tuple(row.store for row in OWNED_FILES if any(map(row.is_at, touched))))


def _memory(has: ObservedAnchors, site: str, sha: str) -> _Part:
    marker = f"{state_folder(site)}/anchors"
    left = [line for line in has.trust.marker if line.split()[1:] != [sha]]
    if len(left) == len(has.trust.marker):
        return _Part()
    if left:
        return _Part((File(marker, "".join(f"{line}\n" for line in left)),), (), ("marker",))
    return _Part((), (marker,), ("marker",))


def _remembers(has: ObservedAnchors, digest: str) -> bool:
    return any(line.partition(" ")[2].startswith(digest) for line in has.trust.marker)


def _bans(path: str) -> bool:
    return any(row.blocklist and path.startswith(f"{row.blocklist}/") for row in FAMILIES)


def _digest(path: str) -> str:
    found = ANCHOR.search(path)
    return found["digest"] if found else ""
