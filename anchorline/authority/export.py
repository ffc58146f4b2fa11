"""What is public of a site's CA and certificates, handed out. Never a private key."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization

from anchorline.authority.certificates import to_pem
from anchorline.authority.layout import CA
from anchorline.authority.survey import survey
from anchorline.commands import anchorline
from anchorline.errors import AuthorityError
from anchorline.problem import Place, Where
from anchorline.spec.model import Spec
from anchorline.spec.words import meant

FORMS = ("pem", "der", "bundle")
"""What ``exported`` makes."""


def exported(spec: Spec, name: str | None, form: str) -> bytes:
    """The CA's certificate, or that of ``name`` with its chain, in one of ``FORMS``. Raises AuthorityError."""
    if name is not None:
        require_known(spec, name)
    found = survey(spec)
    chain = found.above(name or CA)
    status = found.authority if name in (None, CA) else next(s for s in found.certificates if s.name == name)
    if status is None or status.certificate is None or chain is None:
        problem = status.problem if status else AuthorityError(f"{spec.site}: the spec declares no CA")
        raise problem or AuthorityError(
            "not there yet", anchorline("pki issue", spec.file), Place(status.file) if status else Where.NOWHERE
        )
    if form == "der":
        return status.certificate.public_bytes(serialization.Encoding.DER)
    root = (chain.root,) if chain.root else ()
    if status is found.authority:
        documents = (*root, *(found.also() if form == "bundle" else ()))
    else:
        documents = (status.certificate, *chain.intermediates, *(root if form == "bundle" else ()))
    return b"".join(dict.fromkeys(map(to_pem, documents)))


def require_known(spec: Spec, name: str) -> None:
    """Raise AuthorityError for a name that is no certificate of the spec, and not the CA, with the nearest one."""
    if name not in {CA, *spec.certificates}:
        near = meant(name, spec.certificates) or "declare it under `certificates`"
        raise AuthorityError(f"{name!r}: the spec has no certificate of this name", near)
