"""``anchorline check --expiry``: what ends soon in a site's files, and what the registry really serves."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from anchorline.authority import expiry
from anchorline.authority.expiry import UNKNOWN, soon, untold
from anchorline.authority.survey import Survey, survey
from anchorline.commands import anchorline, pyinfra
from anchorline.errors import AnchorlineError
from anchorline.problem import Place, Problem
from anchorline.spec.model import Registry, Spec

PATIENCE = 5
"""Seconds that the registry gets to answer."""


def ending(spec: Spec, within: timedelta) -> Iterator[Problem]:
    """Everything that ends within a time, and everything of which that can't be told.

    The registry is asked from this machine, over TLS that only the site's CAs vouch for.
    """
    try:
        found = survey(spec)
    except AnchorlineError as error:
        yield from untold(error.problems, spec.pki)
        return
    yield from expiry.ending(found, within)
    if spec.tls_registry:
        yield from _served(spec.tls_registry, within, found)


def _served(registry: Registry, within: timedelta, found: Survey) -> Iterator[Problem]:
    deploy = pyinfra("deploy.py", found.spec.file)
    place = Path(str(registry.endpoint))
    roots = [chain.root for chain in ([found.chain] if found.chain else []) + list(found.generations.values())]
    external = found.external.get(registry.certificate or "")
    roots += [external.root] if external and external.root else []
    if not roots and not external:
        yield Problem(
            "there is no CA to ask it with", anchorline("pki issue", found.spec.file), Place(place), code=UNKNOWN
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
        yield Problem(reason, deploy, Place(place), code=UNKNOWN)
    except OSError as error:
        late = isinstance(error, TimeoutError)
        reason = f"no answer in {PATIENCE} s" if late else error.strerror or str(error) or type(error).__name__
        fix = "see that it runs, and that this machine reaches it"
        yield Problem(f"it can't be asked what it serves: {reason}", fix, Place(place), code=UNKNOWN)
    else:
        yield from soon(x509.load_der_x509_certificate(der), place, within, found.now, deploy)
