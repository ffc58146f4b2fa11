"""Operating systems, a row each: where their trust anchors lie and what makes the system see a new one.

A new distribution is one row here and one case in the tests. The commands are the families' own, and named by
their absolute path: a user's PATH may lack /usr/sbin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from anchorline.problem import Problem

REAL = "real userland"
"""How ``verified`` begins for a row whose commands ran in the tests on the distribution itself."""


@dataclass(frozen=True)
class Family:
    """One family of systems.

    ``ids``
        what os-release says in ID or ID_LIKE.
    ``folder``
        where anchors are put; ``suffix`` is how a file there must end to be read.
    ``update``
        the command that makes the system's stores from them; its exit code proves nothing.
    ``repair``
        the same after an anchor's content changed under its name or an anchor went, which an update may not notice.
    ``forget``
        what ``repair`` leaves out after an anchor (``{name}``) went: a hook of the update that is told of it.
    ``bundle``
        the file that holds every trusted CA afterwards, as PEM.
    ``sources``
        where a CA may lie that the host trusts already under another file's name.
    ``verified``
        how the row was verified: ``real userland DATE``, ``layout`` (its folders and commands on another
        distribution's userland), or ``documentation``.
    ``beside``
        the folder that tells the system apart where ``folder`` itself may not exist yet.
    ``hashed``
        the folder of hash links that OpenSSL reads by itself, where the system keeps one.
    ``p11``
        p11-kit's command, where the store is p11-kit's.
    ``blocklist``
        the folder in which p11-kit takes a CA as distrusted, whoever else vouches for it.
    ``java``
        the keystore that the update keeps for all JVMs.
    ``declared``
        set where nothing may be written: the system's own words that declare a CA, with ``{file}`` for its file.
    """

    name: str
    ids: frozenset[str]
    folder: str
    update: str
    repair: str
    bundle: str
    sources: tuple[str, ...]
    verified: str
    suffix: str = ".crt"
    beside: str = ""
    hashed: str = ""
    p11: str = ""
    blocklist: str = ""
    java: str = ""
    forget: str = ""
    declared: str = ""

    @property
    def command(self) -> str:
        """The program without which the system isn't of this family."""
        return self.update.partition(" ")[0]

    @property
    def told_by(self) -> str:
        """The folder without which the system isn't of this family."""
        return self.beside or self.folder

    def path(self, anchor: str) -> str:
        """Where an anchor's file lies. ``anchor`` is its name, which ends in ``.crt``."""
        return f"{self.folder}/{anchor.removesuffix('.crt')}{self.suffix}"

    def without(self, anchor: str) -> str:
        """The command that makes the system's stores after an anchor went."""
        return " && ".join(filter(None, (self.repair, self.forget.format(name=anchor.removesuffix(".crt")))))

    def banned(self, anchor: str) -> str:
        """The file that distrusts an anchor, or nothing where the system has no such place."""
        return f"{self.blocklist}/{anchor}" if self.blocklist else ""


_JAVA_HOOK = "/etc/ca-certificates/update.d/jks-keystore"

_DEBIAN = Family(
    "debian",
    frozenset({"debian"}),
    folder="/usr/local/share/ca-certificates",
    update="/usr/sbin/update-ca-certificates",
    # without --fresh the hash directory keeps the old content of a file that was written over
    repair="/usr/sbin/update-ca-certificates --fresh",
    bundle="/etc/ssl/certs/ca-certificates.crt",
    sources=("/usr/local/share/ca-certificates", "/usr/share/ca-certificates"),
    verified=f"{REAL} 2026-11-24",
    hashed="/etc/ssl/certs",
    java="/etc/ssl/certs/java/cacerts",
    # the hook isn't told of a local file that went (ca-certificates-java 20230710), and Java would trust it on
    forget=f"if [ -x {_JAVA_HOOK} ]; then echo -/etc/ssl/certs/{{name}}.pem | {_JAVA_HOOK}; fi",
)

# what %posttrans of Photon's ca-certificates does, so that the file outlives an upgrade; written beside, then moved
_PHOTON = (
    "/usr/bin/openssl rehash /etc/ssl/certs "
    "&& cat /etc/ssl/certs/*.pem >/etc/pki/tls/certs/ca-bundle.crt.anchorline-new "
    "&& mv -f /etc/pki/tls/certs/ca-bundle.crt.anchorline-new /etc/pki/tls/certs/ca-bundle.crt"
)

FAMILIES = (
    _DEBIAN,
    # Debian's own script, as these distributions package it
    replace(_DEBIAN, name="ubuntu", ids=frozenset({"ubuntu", "linuxmint"}), verified="documentation"),
    replace(_DEBIAN, name="gentoo", ids=frozenset({"gentoo"}), verified="documentation", java="", forget=""),
    replace(_DEBIAN, name="void", ids=frozenset({"void"}), verified="documentation", java="", forget=""),
    Family(
        "arch",
        frozenset({"arch", "manjaro"}),
        folder="/etc/ca-certificates/trust-source/anchors",
        update="/usr/bin/update-ca-trust",
        repair="/usr/bin/update-ca-trust",
        bundle="/etc/ca-certificates/extracted/tls-ca-bundle.pem",
        sources=(
            "/etc/ca-certificates/trust-source/anchors",
            "/usr/share/ca-certificates/trust-source/anchors",
        ),
        verified="layout",
        hashed="/etc/ssl/certs",
        p11="/usr/bin/trust",
        blocklist="/etc/ca-certificates/trust-source/blocklist",
        java="/etc/ssl/certs/java/cacerts",
    ),
    Family(
        "fedora",
        frozenset({"fedora", "rhel", "centos", "rocky", "almalinux", "ol", "amzn", "azurelinux", "mariner"}),
        folder="/etc/pki/ca-trust/source/anchors",
        update="/usr/bin/update-ca-trust",
        repair="/usr/bin/update-ca-trust",
        bundle="/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        sources=("/etc/pki/ca-trust/source/anchors", "/usr/share/pki/ca-trust-source/anchors"),
        verified="layout",
        hashed="/etc/pki/ca-trust/extracted/pem/directory-hash",
        p11="/usr/bin/trust",
        blocklist="/etc/pki/ca-trust/source/blocklist",
        java="/etc/pki/ca-trust/extracted/java/cacerts",
    ),
    Family(
        "suse",
        frozenset({"suse", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "sles", "sled", "sle-micro"}),
        folder="/etc/pki/trust/anchors",
        # without -f it compares times by the second, and passes over a file that came in the same one
        update="/usr/sbin/update-ca-certificates -f",
        repair="/usr/sbin/update-ca-certificates -f",
        bundle="/var/lib/ca-certificates/ca-bundle.pem",
        sources=("/etc/pki/trust/anchors", "/usr/share/pki/trust/anchors"),
        verified="documentation",
        hashed="/etc/ssl/certs",
        p11="/usr/bin/trust",
        blocklist="/etc/pki/trust/blocklist",
        java="/var/lib/ca-certificates/java-cacerts",
    ),
    Family(
        "alpine",
        frozenset({"alpine"}),
        folder="/usr/local/share/ca-certificates",
        update="/usr/sbin/update-ca-certificates",
        repair="/usr/sbin/update-ca-certificates",
        bundle="/etc/ssl/certs/ca-certificates.crt",
        sources=("/usr/local/share/ca-certificates", "/usr/share/ca-certificates"),
        verified="documentation",
        beside="/etc/ssl/certs",
        hashed="/etc/ssl/certs",
    ),
    Family(
        "photon",
        frozenset({"photon"}),
        folder="/etc/ssl/certs",
        update=_PHOTON,
        repair=_PHOTON,
        bundle="/etc/pki/tls/certs/ca-bundle.crt",
        sources=("/etc/ssl/certs",),
        verified="documentation",
        suffix=".pem",
        hashed="/etc/ssl/certs",
    ),
    Family(
        "flatcar",
        frozenset({"flatcar", "coreos"}),
        # /usr is read-only there
        folder="/etc/ssl/certs",
        update="/usr/sbin/update-ca-certificates",
        repair="/usr/sbin/update-ca-certificates --fresh",
        bundle="/etc/ssl/certs/ca-certificates.crt",
        sources=("/etc/ssl/certs", "/usr/share/ca-certificates"),
        verified="documentation",
        suffix=".pem",
        hashed="/etc/ssl/certs",
    ),
    Family(
        "nixos",
        frozenset({"nixos"}),
        folder="/etc/nixos",
        update="/run/current-system/sw/bin/nixos-rebuild switch",
        repair="/run/current-system/sw/bin/nixos-rebuild switch",
        bundle="/etc/ssl/certs/ca-certificates.crt",
        sources=("/etc/nixos",),
        verified="documentation",
        declared="declare it in configuration.nix: security.pki.certificateFiles = [ {file} ];",
    ),
)


def rows() -> list[str]:
    """The table as probe.sh reads it: a line for each row, its fields parted by spaces, ``-`` for an empty one."""
    return [
        " ".join(
            (
                *(row.name, ",".join(sorted(row.ids)), row.told_by, row.folder, row.suffix, row.command, row.bundle),
                *(":".join(row.sources), row.hashed or "-"),
            )
        )
        for row in FAMILIES
    ]


def unknown(os_ids: Iterable[str]) -> Problem:
    """Why a host has no row, with what was seen, and the way out."""
    words = " ".join(os_ids) or "no ID in /etc/os-release"
    known = ", ".join(family.name for family in FAMILIES)
    return Problem(
        f"no row for this system ({words}) among {known}, or its update command is missing",
        "install ca-certificates, or add a row to anchorline/trust/stores/families.py",
    )


def family_of(os_ids: Iterable[str], present: Iterable[str]) -> Family | None:
    """The row for a host, from its os-release words (ID first, then ID_LIKE in their order) and from the rows
    whose command and folder are both there. Neither alone is enough: other systems' folders lie about."""
    there = set(present)
    for os_id in os_ids:
        for family in FAMILIES:
            if os_id in family.ids and family.name in there:
                return family
    return None
