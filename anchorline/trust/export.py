"""A site's trust for hosts that nobody reaches over SSH: a script, and what carries it there.

Everything is taken from the tables and from ``difference``: what a bare host would lack is what the script holds, and
what is decided on the host was asked of ``difference`` here (decisions.py). No host is asked, and no key is read.
"""

from __future__ import annotations

import gzip
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

from anchorline import __version__
from anchorline.authority import Anchor, stage
from anchorline.commands import anchorline
from anchorline.errors import AuthorityError
from anchorline.fleet.scripts import LOCK, File, assignments, source, state_folder
from anchorline.problem import Place
from anchorline.render import render
from anchorline.spec import Spec
from anchorline.trust.decisions import case, decisions, stores_of
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import HOSTS, ObservedTrust
from anchorline.trust.plan import difference
from anchorline.trust.processes import stale
from anchorline.trust.scripts import ApplyTrust, ExportedTrust, Folders, FoldersProbe, Layers
from anchorline.trust.stores import families
from anchorline.trust.stores.families import Family

IMAGE = "docker.io/library/busybox:1.37"
"""What starts the script on a node: sh, chroot and tail are all that it needs."""
FOUND = ("folders", "update", "anchors", "summary", "hosts_line", *Layers.names())
"""What apply.sh is told that differs between hosts: alone.sh sets it from its own probe, and from the family's row."""
LEFT_OUT = {
    "trust/stores/merged.sh": ("as_they_were", "through_links"),
    "trust/stores/jdk.sh": (),
    "trust/stores/keystores.sh": ("keystores",),
}
"""What apply.sh is made of and has nothing to do here, with its functions: user data has to be short."""
_END = "anchorline-end"


def wanted_of(spec: Spec) -> DesiredTrust:
    """What hosts of a site should have, from certificates that exist. Raises AuthorityError where there are none."""
    staged = stage(spec, only=())
    if staged.is_new_ca:
        raise AuthorityError("this site has no CA yet", anchorline("pki issue", spec.file), Place(spec.pki))
    if not staged.anchors:
        raise AuthorityError(f"{spec.site}: the spec declares no CA")
    return DesiredTrust.of(spec, staged)


def as_script(wanted: DesiredTrust) -> str:
    """A POSIX script for root that does on its own host what a rollout does; afterwards a rollout has nothing to do."""
    # files of others and keystores want more than a shell: they are left to a rollout
    stores = list(stores_of(wanted))
    system = wanted.anchors if "system" in wanted.stores else ()
    alone = ExportedTrust(
        site=wanted.site,
        state=state_folder(wanted.site),
        system=tuple(f"{each.name} {_of(each).sha256}" for each in system),
        stores=tuple(f"{row.name} {file.mode} {file.sha256} {file.path}" for row, file in stores),
        marker=wanted.marker,
        digests=tuple(anchor.sha256 for anchor in wanted.anchors),
        hosts_entry=wanted.hosts_line,
        families=tuple(f"{row.name} {','.join(sorted(row.ids))}" for row in families.FAMILIES),
        unknown=str(families.unknown(["@os@"])),
        nameless=str(families.unknown([])),
    )
    contents = {file.sha256: file.content for file in (*map(_of, system), *(file for _, file in stores))}
    kept = {digest: f"cat <<'{_END}'\n{content}{_END}\n" for digest, content in contents.items()}
    return "".join(
        (
            _head(wanted),
            alone.text,
            case("row", {row.name: assignments(_row(row, wanted)) for row in families.FAMILIES}),
            case("decide", decisions(wanted)),
            case("content", kept),
            _subshell("probe", FoldersProbe(folders=Folders.of(wanted.site)).body),
            _subshell("apply", _apply(wanted)),
            # last, so that half of a script does nothing
            "alone\n",
        )
    )


def _apply(wanted: DesiredTrust) -> str:
    """What a rollout runs, told what is the same for all hosts; the rest alone.sh has found out."""
    apply = ApplyTrust(
        site=wanted.site,
        state=state_folder(wanted.site),
        stamps=stale.Stamps.of(wanted.site),
        layers=Layers.of(None),
        lock=LOCK,
        unchanged=(),
        tasks=(),
        pems=(),
        nicknames=(),
        hosts=HOSTS,
        hosts_line="",
        update="",
        summary="",
        folders=(),
        merged=(),
        anchors=(),
        digests=tuple(anchor.sha256 for anchor in wanted.anchors),
    )
    fixed = {name: value for name, value in apply.values().items() if name not in FOUND}
    left_out = "".join(f"{name}() {{ :; }}\n" for names in LEFT_OUT.values() for name in names)
    return assignments(fixed) + left_out + "".join(source(each) for each in apply.sources if each not in LEFT_OUT)


def as_cloud_init(wanted: DesiredTrust) -> str:
    """A part of a machine's user data that brings the script and runs it at the first boot.

    The script is packed, since clouds take no more than some 16 KB.
    """
    packed = b64encode(gzip.compress(as_script(wanted).encode(), mtime=0)).decode()
    lines = [packed[start : start + 900] for start in range(0, len(packed), 900)]
    path = f"{stale.STAMPS}/{wanted.site}.sh"
    return render("cloud-init.yml.j2", site=wanted.site, path=path, lines=lines, anchors=_told(wanted))


def as_kubernetes(wanted: DesiredTrust, image: str = IMAGE) -> str:
    """A ConfigMap with the anchors and the script, and a DaemonSet that runs it on every node."""
    text = as_script(wanted)
    digest = sha256(text.encode()).hexdigest()
    return render(
        "kubernetes.yml.j2", site=wanted.site, bundle=_bundle(wanted), script=text, digest=digest, image=image
    )


def as_trust_manager(wanted: DesiredTrust) -> str:
    """A Bundle of cert-manager's trust-manager: the anchors as a ConfigMap in every namespace."""
    return render("trust-manager.yml.j2", site=wanted.site, bundle=_bundle(wanted))


def _bundle(wanted: DesiredTrust) -> str:
    return "".join(anchor.pem for anchor in wanted.anchors)


def _row(family: Family, wanted: DesiredTrust) -> dict[str, str]:
    change = difference(ObservedTrust((), family), replace(wanted, stores=("system",)))
    layers = Layers.of(family)
    return {
        "folder": family.folder,
        "suffix": family.suffix,
        "make": family.update,
        "repair": family.repair,
        "bundle": layers.bundle,
        "links": layers.links,
        "p11": layers.p11,
        "undeclared": _plain(str(change.problem or "")),
        "note": "\n".join(change.notes),
    }


def _of(anchor: Anchor) -> File:
    return File(anchor.name, anchor.pem)


def _told(wanted: DesiredTrust) -> list[str]:
    return [
        line
        for each in wanted.anchors
        for line in (_plain(each.subject), f"  SHA-256 {each.sha256}", f"  ends {each.not_after:%Y-%m-%d}")
    ]


def _plain(subject: str) -> str:
    """A subject on one line: it is whatever its maker liked, line ends too."""
    return "".join(letter if letter.isprintable() else "?" for letter in subject)


def _head(wanted: DesiredTrust) -> str:
    lines = (
        f"Makes the host that it runs on trust the CAs of the site {wanted.site}. Run it as root: sh FILE",
        "It holds certificates and no secret. Run again, it finds nothing to do.",
        *(f"  {line}" for line in _told(wanted)),
        f"Made by anchorline {__version__}: anchorline pki export --as script",
    )
    return "#!/bin/sh\n" + "".join(f"# {line}\n" for line in lines)


def _subshell(function: str, text: str) -> str:
    return f"{function}() (\n{text})\n"
