"""How a site's CA and certificates stand, for people and for programs; and where a rotation stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography import x509
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from anchorline.authority import issued, sightings
from anchorline.authority.certificates import fingerprint, name_of
from anchorline.authority.generations import withdrawal
from anchorline.authority.layout import JOURNAL, NEXT_CA, PREVIOUS_CA
from anchorline.authority.plan import TO_ISSUE, CertificateStatus, State
from anchorline.authority.survey import Survey
from anchorline.characters import told, visible

_COLOURS = {State.OK: "green", State.BROKEN: "red", State.CHANGED: "red", State.EXPIRED: "red"}
LONGEST_NAMES = 10_000
"""Characters of a certificate's names."""
_PIPE_WIDTH = 200  # where no terminal gives one: programs and logs take long lines


def as_data(found: Survey) -> dict[str, Any]:
    """All of it, for programs: ``certificates`` as they stand, ``rotation`` or None, ``issued`` with each line of the
    journal."""
    return {
        "site": found.spec.site,
        "folder": str(found.store.folder),
        "certificates": [_row(status, found.now) for status in found.statuses],
        "rotation": _rotation(found),
        "issued": list(issued.read(found.store.read_text(JOURNAL))),
    }


def draw(found: Survey) -> None:
    """The same on one screen, without what was issued before."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    _line(console, f"{found.spec.site}: {found.store.folder}")
    table = Table(box=None, pad_edge=False)
    table.add_column("NAME", no_wrap=True)
    table.add_column("STATE", no_wrap=True)
    table.add_column("NAMES", overflow="fold")
    table.add_column("ENDS", no_wrap=True)
    table.add_column("DAYS", no_wrap=True, justify="right")
    table.add_column("SHA-256", no_wrap=True)
    for status in found.statuses:
        row = _row(status, found.now)
        state = f"[{_COLOURS.get(status.state, 'yellow')}]{status.state}[/]"
        names = ", ".join(row["names"]) or row["subject"] or ""
        days = "" if row["days"] is None else str(row["days"])
        table.add_row(
            status.name,
            state,
            escape(told(names, LONGEST_NAMES)),
            (row["not_after"] or "")[:10],
            days,
            (row["sha256"] or "")[:12],
        )
    if found.statuses:
        console.print(table)
    for status in found.statuses:
        if status.reason:
            _line(console, f"{status.name}: {status.reason}")
    for line in _told(found):
        _line(console, line)


def _line(console: Console, text: str) -> None:
    """A line as it is, however long; in it may be what a host said, or somebody's certificate."""
    console.print(visible(text), markup=False, soft_wrap=True)


def _row(status: CertificateStatus, now: datetime) -> dict[str, Any]:
    certificate = status.certificate
    row: dict[str, Any] = {"name": status.name, "state": status.state, "reason": status.reason}
    row |= {"file": str(status.file), "subject": None, "names": [], "not_after": None, "days": None, "sha256": None}
    if certificate is not None:
        sans = [e.value for e in certificate.extensions if isinstance(e.value, x509.SubjectAlternativeName)]
        row |= {
            "subject": certificate.subject.rfc4514_string(),
            "names": [str(name.value) for san in sans for name in san],
            "not_after": certificate.not_valid_after_utc.isoformat(),
            "days": (certificate.not_valid_after_utc - now).days,
            "sha256": fingerprint(certificate),
        }
    return row


def _rotation(found: Survey) -> dict[str, Any] | None:
    """Who trusts the next CA, as far as the ledger knows. None where no rotation stands."""
    if NEXT_CA not in found.generations:
        return None
    digest, rotation = fingerprint(found.generations[NEXT_CA].root), found.spec.rotation
    every = {host: each for host, each in sightings.read(found.store, digest).items() if host not in rotation.without}
    return {
        "next": digest,
        "seen": {host: each.seen for host, each in every.items() if each.counts(rotation, found.now)},
        "missing": {
            host: each.why or "seen too long ago"
            for host, each in every.items()
            if not each.counts(rotation, found.now)
        },
        "without": list(rotation.without),
    }


def _told(found: Survey) -> list[str]:
    """Where a rotation stands, and what the next deploy will do."""
    due = [each.name for each in found.certificates if each.state in TO_ISSUE]
    issues = [f"The next deploy issues {', '.join(due)}."] if due else []
    if previous := found.generations.get(PREVIOUS_CA):
        away = withdrawal(fingerprint(previous.root), found.spec.file)
        return [
            "",
            f"rotation: made ── trusted ── promoted ─●─ withdrawn: hosts trust {name_of(previous.root)} still",
            *issues,
            f"No deploy takes it away. When nothing needs it: {away}",
        ]
    status = _rotation(found)
    if status is None:
        return issues
    seen, missing = status["seen"], status["missing"]
    where = (
        f"{len(seen)} of {len(seen) + len(missing)} hosts have been seen to trust"
        if seen or missing
        else "no host trusts"
    )
    name = name_of(found.generations[NEXT_CA].root)
    return [
        "",
        f"rotation: made ─●─ trusted ── promoted ── withdrawn: {where} {name}",
        *(f"  missing {host}: {why}" for host, why in sorted(missing.items())),
        *([f"  {sightings.waived(missing)}"] if missing else []),
        *issues,
        "The next deploy puts it beside the present one on every host, and once every host of the inventory has been",
        "seen to trust it, promotes it and issues every certificate under it.",
    ]
