"""What ends soon: the CAs and the certificates in a site's files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from anchorline.authority.anchors import read_certificates
from anchorline.authority.certificates import fingerprint, name_of
from anchorline.authority.generations import withdrawal
from anchorline.authority.layout import CA, NEXT_CA, PREVIOUS_CA, is_ca
from anchorline.authority.plan import CertificateStatus
from anchorline.authority.survey import Survey
from anchorline.commands import anchorline, pyinfra
from anchorline.errors import AnchorlineError
from anchorline.problem import Place, Problem
from anchorline.spec.model import ExistingAuthority

SOON, UNKNOWN = "ANC311", "ANC312"


def ending(found: Survey, within: timedelta) -> Iterator[Problem]:
    """Everything in a site's files that ends within a time, and everything of which that can't be told."""
    for status in found.statuses:
        if status.certificate is None:
            missing = Problem(status.reason, anchorline("pki show", found.spec.file), Place(status.file))
            yield from untold(status.problem.problems if status.problem else (missing,), status.file)
        for certificate in _certificates(status, found):
            yield from soon(certificate, status.file, within, found.now, _fix(status, found))
    for file in map(found.spec.path, found.spec.trust.also):
        try:
            # Survey.also() would refuse one that has ended, and say nothing of the others
            for certificate in read_certificates(found.files.certificate(file), file):
                yield from soon(certificate, file, within, found.now, "put its successor into trust.also, and deploy")
        except AnchorlineError as error:
            yield from untold(error.problems, file)


def untold(problems: Iterable[Problem], file: Path) -> Iterator[Problem]:
    """What keeps it from being told when something ends; of ``file`` where it is of no other."""
    for each in problems:
        yield replace(each, where=each.where if isinstance(each.where, Place) else Place(file), code=UNKNOWN)


def soon(certificate: x509.Certificate, where: Path, within: timedelta, now: datetime, fix: str) -> Iterator[Problem]:
    """That this certificate ends within a time, or has ended; nothing where it doesn't."""
    end = certificate.not_valid_after_utc
    left = end - now
    if left < within:
        days = f"{left.days} day{'s' * (left.days != 1)}"
        when = f"ends on {end:%Y-%m-%d}, in {days}" if left > timedelta() else f"ended on {end:%Y-%m-%d}"
        yield Problem(f"{name_of(certificate)} {when}", fix, Place(where), code=SOON)


def _certificates(status: CertificateStatus, found: Survey) -> Iterator[x509.Certificate]:
    """The certificate; of a CA that exists, every one from that which issues to the root: each ends what it issued."""
    if status.name == CA and found.chain:
        yield from (found.chain.issuer, *found.chain.above)
    elif status.certificate:
        yield status.certificate


def _fix(status: CertificateStatus, found: Survey) -> str:
    name = status.name
    if name in found.spec.external:
        return "put the next one there, and deploy"
    if name == PREVIOUS_CA and status.certificate:
        return withdrawal(fingerprint(status.certificate), found.spec.file)
    if not is_ca(name):
        return f"{anchorline(f'pki renew {name}', found.spec.file)}, and deploy"
    if isinstance(found.spec.authority, ExistingAuthority):
        return "have hosts trust the next one by trust.also, deploy, change `authority` to it, and deploy again"
    if NEXT_CA in found.generations:
        return f"a rotation stands already: {pyinfra('deploy.py', found.spec.file)}"
    return f"{anchorline('pki rotate', found.spec.file)}, and deploy"
