"""What somebody else made: a CA, and certificates that are served as they are. Judged without a key."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from anchorline.authority.anchors import (
    Chain,
    basic_constraints,
    is_ca,
    issued,
    overlong,
    read_certificates,
    read_chain,
)
from anchorline.authority.certificates import name_of
from anchorline.authority.constraints import Constraints
from anchorline.authority.layout import CA
from anchorline.authority.plan import CertificateStatus, State, due_from, judge_life
from anchorline.authority.read import Files
from anchorline.errors import AuthorityError
from anchorline.problem import Place, Problem
from anchorline.spec.model import Registry, Spec
from anchorline.spec.names import covers
from anchorline.spec.values import Name

_Wrong = tuple[str, str]
"""A cause and its fix, both about one file."""


@dataclass(frozen=True)
class ExternalCertificate:
    """A certificate that is served as it is, followed by ``intermediates``. ``root`` vouches for it; None: a public CA
    that isn't in the file."""

    certificate: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]
    root: x509.Certificate | None
    key_file: Path


def authority(files: Files, file: Path, key: Path | None, now: datetime) -> tuple[Chain | None, CertificateStatus]:
    """A CA that exists, and how it stands: chain, usages and pathlen, every date up to the root, and its key where that
    is here."""
    try:
        chain = read_chain(files.certificate(file), file)
    except AuthorityError as problem:
        return None, CertificateStatus.broken(CA, problem, file)
    for certificate in (*chain.above, chain.issuer):
        if early := _not_yet(certificate, now):
            return chain, CertificateStatus.broken(CA, AuthorityError(*early, Place(file)), file, chain.root)
    if unfit := key and files.keys.get(key):
        return chain, CertificateStatus.broken(CA, unfit, file, chain.root)
    statuses = [judge_life(CA, certificate, file, now) for certificate in (chain.root, *chain.above, chain.issuer)]
    statuses.sort(key=lambda each: (each.problem is None, not each.reason))
    return chain, statuses[0]


def judge(
    spec: Spec, name: str, files: Files, roots: Collection[x509.Certificate] | None, now: datetime
) -> tuple[ExternalCertificate | None, CertificateStatus]:
    """A certificate that was brought, and how it stands. Its chain has to end at one of ``roots``; None: anywhere.

    All that is wrong with it is one problem, with a line for each.
    """
    existing = spec.external[name]
    file, key = spec.path(existing.certificate), spec.path(existing.key)
    try:
        chain = read_certificates(files.certificate(file), file)
    except AuthorityError as problem:
        return None, CertificateStatus.broken(name, problem, file)
    leaf, *above = chain
    root = _root(chain, roots or ())
    external = ExternalCertificate(leaf, tuple(above[:-1] if above[-1:] == [root] else above), root, key)
    registry = spec.tls_registry
    wrong = [*_problems(external, roots, now)]
    if registry and registry.certificate == name:
        wrong += _unfit_to_serve(leaf, registry)
    problems = [Problem(*each, Place(file)) for each in wrong]
    if unfit := files.keys.get(key):
        problems += unfit.problems
    if problems:
        state = State.EXPIRED if now > leaf.not_valid_after_utc else State.BROKEN
        return external, CertificateStatus.broken(name, AuthorityError.of(problems), file, leaf, state)
    if now > due_from(leaf, spec.renewal):
        due = (
            f"it ends on {leaf.not_valid_after_utc:%Y-%m-%d}, and nothing here renews it: put the next one into {file}"
        )
        return external, CertificateStatus(name, State.DUE, due, file, leaf)
    return external, CertificateStatus(
        name, State.OK, "" if key in files.keys else f"{key} isn't here: it can't be served", file, leaf
    )


def _root(chain: Sequence[x509.Certificate], roots: Collection[x509.Certificate]) -> x509.Certificate | None:
    top = chain[-1]
    known = (each for each in roots if each == top or issued(top, each))
    return next(known, top if len(chain) > 1 and issued(top, top) else None)


def _problems(
    external: ExternalCertificate, roots: Collection[x509.Certificate] | None, now: datetime
) -> Iterator[_Wrong]:
    """What is wrong with it wherever it is used: its chain, then dates and constraints along it."""
    leaf, root = external.certificate, external.root
    above = (*external.intermediates, *([root] if root else []))
    if basic_constraints(leaf).ca:
        yield f"{name_of(leaf)} stands first and is a CA", "begin with the server's certificate"
        return
    for below, issuer in pairwise((leaf, *above)):
        if not issued(below, issuer):
            yield (
                f"{name_of(below)} is issued by {below.issuer.rfc4514_string()}, and after it stands {name_of(issuer)}",
                "put each certificate's issuer right after it",
            )
            return
    top = above[-1] if above else leaf
    if roots is not None and root not in roots:
        yield (
            f"its chain ends at {name_of(top)}, which no CA that hosts trust has issued",
            "add the intermediates between it and the root, or the root to trust.also",
        )
    yield from ((f"{name_of(each)} is not a CA certificate", "") for each in above if not is_ca(each))
    yield from ((f"more CAs stand below {name_of(each)} than its pathlen permits", "") for each in overlong(above))
    for each in (leaf, *above):
        if early := _not_yet(each, now):
            yield early
        elif now > each.not_valid_after_utc:
            ended = f"{name_of(each)} ended on {each.not_valid_after_utc:%Y-%m-%d}"
            yield f"{ended}, and nothing here renews it", "have a new one issued and put it here"
    for violation in Constraints.of(above).violations(_names(leaf), leaf.subject):
        yield f"its CA may not vouch for {violation}", ""


def _unfit_to_serve(leaf: x509.Certificate, registry: Registry) -> Iterator[_Wrong]:
    """What keeps clients from taking it for the registry's."""
    extensions = {type(extension.value): extension.value for extension in leaf.extensions}
    extended, usage = extensions.get(x509.ExtendedKeyUsage), extensions.get(x509.KeyUsage)
    if isinstance(extended, x509.ExtendedKeyUsage) and ExtendedKeyUsageOID.SERVER_AUTH not in extended:
        yield "it isn't for servers: its extended key usages lack server auth", "have one issued that has it"
    if isinstance(usage, x509.KeyUsage) and not usage.digital_signature:
        yield "it can't sign a handshake: its key usages lack digital signature", "have one issued that has it"
    has = hosts_of(leaf)
    for host in dict.fromkeys(each.host for each in registry.endpoints):
        if not any(covers(each, host) for each in has):
            named = ", ".join(map(str, has)) or "nobody"
            yield f"it is for {named}, and the registry is reached as {host}", "have one issued for that as well"


def _names(leaf: x509.Certificate) -> tuple[x509.GeneralName, ...]:
    found = (each.value for each in leaf.extensions if isinstance(each.value, x509.SubjectAlternativeName))
    return tuple(name for names in found for name in names if isinstance(name, x509.DNSName | x509.IPAddress))


def hosts_of(leaf: x509.Certificate) -> tuple[Name, ...]:
    """Its subject alternative names that are DNS names or addresses, in the spec's words."""
    return tuple(name.value.lower() if isinstance(name, x509.DNSName) else name.value for name in _names(leaf))


def _not_yet(certificate: x509.Certificate, now: datetime) -> _Wrong | None:
    begin = certificate.not_valid_before_utc
    if now >= begin:
        return None
    return f"{name_of(certificate)} begins at {begin:%Y-%m-%d %H:%M} UTC", "is this machine's clock right?"
