"""What ends soon: the CAs, the certificates, and what the registry really serves."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from anchorline.authority import disk
from anchorline.authority.anchors import read_certificates
from anchorline.authority.certificates import fingerprint, name_of
from anchorline.authority.generations import withdrawal
from anchorline.authority.plan import CertificateStatus
from anchorline.authority.store import CA, NEXT_CA, PREVIOUS_CA, is_ca
from anchorline.authority.survey import Survey, survey
from anchorline.commands import anchorline, pyinfra
from anchorline.errors import AnchorlineError
from anchorline.problem import Place, Problem
from anchorline.spec.model import ExistingAuthority, Registry, Spec
from anchorline.spec.values import Endpoint

SOON, UNKNOWN = "ANC311", "ANC312"
PATIENCE = 5
"""Seconds that the registry gets to answer."""


def ending(spec: Spec, within: timedelta) -> Iterator[Problem]:
    """Everything that ends within a time, and everything of which that can't be told.

    The registry is asked from this machine, over TLS that only the site's CAs vouch for.
    """
    try:
        found = survey(spec)
    except AnchorlineError as error:
        yield Problem(str(error), where=Place(spec.pki), code=UNKNOWN)
        return
    for status in found.statuses:
        if status.certificate is None:
            yield Problem(status.reason, anchorline("pki show", spec.file), Place(status.file), code=UNKNOWN)
        for certificate in _certificates(status, found):
            yield from _soon(certificate, str(status.file), within, found, _fix(status, found))
    for file in map(spec.path, spec.trust.also):
        try:
            # also() would refuse one that has ended, and say nothing of the others
            for certificate in read_certificates(disk.read(file), file):
                yield from _soon(certificate, str(file), within, found, "put its successor into trust.also, and deploy")
        except AnchorlineError as error:
            yield Problem(str(error).removeprefix(f"{file}: "), where=Place(file), code=UNKNOWN)
    if spec.tls_registry:
        yield from _served(spec.tls_registry, within, found)


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
        return f"a rotation stands already: {_deploy(found)}"
    return f"{anchorline('pki rotate', found.spec.file)}, and deploy"


def _deploy(found: Survey) -> str:
    return pyinfra("deploy.py", found.spec.file)


def _soon(certificate: x509.Certificate, where: str, within: timedelta, found: Survey, fix: str) -> Iterator[Problem]:
    end = certificate.not_valid_after_utc
    left = end - found.now
    if left < within:
        days = f"{left.days} day{'s' * (left.days != 1)}"
        when = f"ends on {end:%Y-%m-%d}, in {days}" if left > timedelta() else f"ended on {end:%Y-%m-%d}"
        yield Problem(f"{name_of(certificate)} {when}", fix, Place(Path(where)), code=SOON)


def _served(registry: Registry, within: timedelta, found: Survey) -> Iterator[Problem]:
    place = str(Endpoint(registry.address.host, registry.port))
    roots = [chain.root for chain in ([found.chain] if found.chain else []) + list(found.generations.values())]
    external = found.external.get(registry.certificate or "")
    roots += [external.root] if external and external.root else []
    if not roots and not external:
        yield Problem(
            "there is no CA to ask it with", anchorline("pki issue", found.spec.file), Place(Path(place)), code=UNKNOWN
        )
        return
    cas = "".join(each.public_bytes(Encoding.PEM).decode() for each in roots)
    context = ssl.create_default_context(cadata=cas or None)  # None: the system's own roots, for a public CA
    target = (str(registry.hosts_entry or registry.address.host), registry.port)
    try:
        with (
            socket.create_connection(target, timeout=PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=str(registry.address.host)) as connection,
        ):
            der = connection.getpeercert(binary_form=True) or b""
    except ssl.SSLCertVerificationError as error:
        reason = f"it serves what doesn't verify: {error.verify_message}"
        yield Problem(reason, _deploy(found), Place(Path(place)), code=UNKNOWN)
    except OSError as error:
        late = isinstance(error, TimeoutError)
        reason = f"no answer in {PATIENCE} s" if late else error.strerror or str(error) or type(error).__name__
        fix = "see that it runs, and that this machine reaches it"
        yield Problem(f"it can't be asked what it serves: {reason}", fix, Place(Path(place)), code=UNKNOWN)
    else:
        yield from _soon(x509.load_der_x509_certificate(der), place, within, found, _deploy(found))
