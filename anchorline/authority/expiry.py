"""What ends soon: the CAs, the certificates, and what the registry really serves."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from anchorline.authority.certificates import name_of
from anchorline.authority.store import is_ca
from anchorline.authority.survey import Survey, also, survey
from anchorline.errors import AnchorlineError, Place, Problem
from anchorline.spec.model import Registry, Spec

SOON, UNKNOWN = "ANC311", "ANC312"
PATIENCE = 5
"""Seconds that the registry gets to answer."""


def ending(spec: Spec, within: timedelta) -> Iterator[Problem]:
    """Everything that ends within a time, and everything of which that can't be told.

    The registry is asked from this machine, over TLS that only the site's CAs vouch for.
    """
    try:
        found = survey(spec)
        others = list(also(spec, found.now))
    except AnchorlineError as error:
        yield Problem(Place(spec.pki), str(error), code=UNKNOWN)
        return
    for standing in found.standings:
        if standing.certificate is None:
            yield Problem(Place(standing.file), standing.reason, "anchorline pki show", UNKNOWN)
        else:
            command = "rotate" if is_ca(standing.name) else f"renew {standing.name}"
            brought = standing.name in spec.brought
            mend = "put the next one there, and deploy" if brought else f"anchorline pki {command}, and deploy"
            yield from _soon(standing.certificate, str(standing.file), within, found, mend)
    for certificate in others:
        yield from _soon(certificate, "trust.also", within, found, "have hosts trust its successor as well")
    if spec.registry and spec.registry.mode == "remote":
        yield from _served(spec.registry, within, found)


def _soon(certificate: x509.Certificate, where: str, within: timedelta, found: Survey, mend: str) -> Iterator[Problem]:
    end = certificate.not_valid_after_utc
    left = end - found.now
    if left < within:
        when = f"ends on {end:%Y-%m-%d}, in {left.days} days" if left > timedelta() else f"ended on {end:%Y-%m-%d}"
        yield Problem(Place(Path(where)), f"{name_of(certificate)} {when}", mend, SOON)


def _served(registry: Registry, within: timedelta, found: Survey) -> Iterator[Problem]:
    place = f"{registry.address.host}:{registry.port}"
    roots = [chain.root for chain in ([found.chain] if found.chain else []) + list(found.generations.values())]
    brought = found.brought.get(registry.certificate or "")
    roots += [brought.root] if brought and brought.root else []
    if not roots and not brought:
        yield Problem(Place(Path(place)), "there is no CA to ask it with", "anchorline pki issue", UNKNOWN)
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
        yield Problem(Place(Path(place)), f"it serves what doesn't verify: {error.verify_message}", "deploy", UNKNOWN)
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        yield Problem(Place(Path(place)), f"it can't be asked what it serves: {reason}", "look why", UNKNOWN)
    else:
        yield from _soon(x509.load_der_x509_certificate(der), place, within, found, "pyinfra inventory deploy.py")
