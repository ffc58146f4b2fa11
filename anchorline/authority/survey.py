"""How a site's CA and certificates stand: what was read, compared with the spec. Needs no key, changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from anchorline.authority import external, profile
from anchorline.authority.anchors import Chain, read_certificates, read_chain, require_ca, require_current
from anchorline.authority.external import ExternalCertificate
from anchorline.authority.layout import (
    CA,
    NEXT_CA,
    PREVIOUS,
    PREVIOUS_CA,
    RETIRED,
    certificate_file,
    files_of,
    key_file,
)
from anchorline.authority.plan import TO_ISSUE, CertificateStatus, State, judge, judge_authority
from anchorline.authority.profile import DesiredCertificate
from anchorline.authority.read import Files, names_of, read
from anchorline.authority.store import Contents, Store
from anchorline.errors import AuthorityError
from anchorline.problem import Place
from anchorline.spec.model import DeclaredAuthority, ExistingAuthority, Spec

# a name becomes file names; "x-key" would be the key of "x"
_NAME = re.compile(r"(?!.*-key$)[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


_REPLACED = (f"{PREVIOUS}/", f"{RETIRED}/")
"""Where keys lie that nothing needs any more. They are secrets still."""


@dataclass(frozen=True)
class Survey:
    """What was found, and what is ``wanted`` by certificate that we issue. ``external`` are those of somebody else.

    ``authority`` is None where the spec declares no CA, ``chain`` where there is none to read. ``generations`` are the
    CAs beside the present one while a rotation stands, by their names in the store; ``other_generations`` how they are.
    ``signer`` is the name of the CA that issues: the present one's, or after a promotion the next one's.
    """

    spec: Spec
    now: datetime
    files: Files
    wanted: Mapping[str, DesiredCertificate]
    chain: Chain | None
    authority: CertificateStatus | None
    certificates: tuple[CertificateStatus, ...]
    generations: Mapping[str, Chain] = field(default_factory=dict)
    other_generations: tuple[CertificateStatus, ...] = ()
    signer: str = CA
    external: Mapping[str, ExternalCertificate] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        """The site's folder below pki/."""
        return Store(self.spec.pki)

    @property
    def contents(self) -> Contents:
        """What is in the store."""
        return self.files.contents

    @property
    def statuses(self) -> tuple[CertificateStatus, ...]:
        """The CA's standing, those of its other generations, then each certificate's."""
        return (*([self.authority] if self.authority else []), *self.other_generations, *self.certificates)

    def promoted(self) -> Survey:
        """How it would stand with the next CA in the present one's place."""
        chain = self.generations[NEXT_CA]
        certificates = tuple(
            _certificate(name, self.wanted[name], self.store, self.contents, chain, self.now, self.spec)
            for name in self.wanted
        ) + tuple(each for each in self.certificates if each.name in self.spec.external)
        generations = {PREVIOUS_CA: self.chain} if self.chain else {}
        return replace(self, chain=chain, certificates=certificates, generations=generations, signer=NEXT_CA)

    def also(self) -> Iterator[x509.Certificate]:
        """The certificates of ``trust.also``. Raises AuthorityError for a file of which there is none, and for a CA
        that has ended: it would be rolled out for nothing."""
        yield from _also(self.spec, self.files, self.now)

    def above(self, name: str) -> Chain | ExternalCertificate | None:
        """What knows the intermediates and the root of a certificate."""
        return self.external.get(name, self.chain)

    @property
    def names(self) -> tuple[str, ...]:
        """Whose files in the store matter."""
        return names_of(self.spec)

    def require_usable(self, only: Iterable[str] | None = None) -> None:
        """Raise what stands in the way, all of it at once; of the certificates, those of ``only``."""
        chosen = set(self.spec.certificates) if only is None else set(only)
        errors = [
            each.problem
            for each in self.statuses
            if each.problem and (each.name in chosen or each.name not in self.spec.certificates)
        ]
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise AuthorityError.of(problem for error in errors for problem in error.problems)


def survey(spec: Spec, now: datetime | None = None) -> Survey:
    """Read a site's store and judge it.

    What is wrong with one file is that certificate's standing. Raises AuthorityError where the spec itself can't be
    served, StoreError where the folder as a whole can't be read or another run is writing to it.
    """
    now = now or datetime.now(UTC)
    for name in spec.certificates:
        if name == CA or not _NAME.fullmatch(name):
            raise AuthorityError(
                f"certificates.{name}: no name for a file",
                "letters, digits, dots and hyphens, but not 'ca', and not ending in '-key'",
            )
    if spec.requests and spec.authority is None:
        raise AuthorityError("certificates are declared, but no authority to issue them", "declare one")
    return _judged(spec, read(spec), now)


def _judged(spec: Spec, files: Files, now: datetime) -> Survey:
    """All of it from what was read: the CA, its other generations, the certificates."""
    store, contents = Store(spec.pki), files.contents
    chain, authority = _authority(spec, store, files, now)
    generations, other_generations = _generations(spec, store, contents, now)
    if authority and chain and NEXT_CA in generations and authority.state in (State.CHANGED, State.EXPIRED):
        # the next one is made by the spec as it is now, and takes its place
        authority = CertificateStatus(
            CA, State.OK, f"{authority.state}; the next CA takes its place", authority.file, chain.root
        )
    wanted = {name: profile.wanted(spec, name) for name in spec.requests}
    certificates = tuple(_certificate(name, wanted[name], store, contents, chain, now, spec) for name in wanted)
    roots = None
    if spec.external and authority and not authority.problem:
        roots = [*(each.root for each in (chain, *generations.values()) if each), *_also(spec, files, now)]
    judged = {name: external.judge(spec, name, files, roots, now) for name in spec.external}
    certificates += tuple(status for _, status in judged.values())
    return Survey(
        *(spec, now, files, wanted, chain, authority, certificates, generations, other_generations),
        external={name: found for name, (found, _) in judged.items() if found},
    )


def _authority(spec: Spec, store: Store, files: Files, now: datetime) -> tuple[Chain | None, CertificateStatus | None]:
    match spec.authority:
        case None:
            return None, None
        case ExistingAuthority() as existing:
            key = spec.path(existing.key) if existing.key else None
            return external.authority(files, spec.path(existing.certificate), key, now)
        case DeclaredAuthority() as declared:
            return _declared(declared, spec, store, files.contents, now)


def _declared(
    declared: DeclaredAuthority, spec: Spec, store: Store, contents: Contents, now: datetime
) -> tuple[Chain | None, CertificateStatus]:
    file, key = store.path(certificate_file(CA)), store.path(key_file(CA))
    problem = contents.problems.get(file.name)
    if problem:
        return None, CertificateStatus.broken(CA, problem, file)
    if not contents.has(file.name):
        left = [each for name in names_of(spec) for each in files_of(name) if contents.has(each)]
        if not left:
            return None, CertificateStatus(CA, State.MISSING, "this site has no CA yet", file)
        problem = AuthorityError(
            f"the CA's certificate is missing, but {', '.join(left)} {'is' if len(left) == 1 else 'are'} here",
            f"restore it from a backup, or move {store.folder} away to begin anew with another CA",
            Place(file),
        )
        return None, CertificateStatus.broken(CA, problem, file)
    try:
        chain = read_chain(contents.certificates[file.name], file)
    except AuthorityError as unreadable:
        return None, CertificateStatus.broken(CA, unreadable, file)
    if unfit := contents.problems.get(key.name):
        return chain, CertificateStatus.broken(CA, unfit, file, chain.root)
    return chain, _judged_authority(CA, declared, chain, file, now)


def _judged_authority(
    name: str, declared: DeclaredAuthority, chain: Chain, file: Path, now: datetime
) -> CertificateStatus:
    generation = profile.generation(declared, chain.root)
    return judge_authority(name, profile.desired_authority(declared, max(1, generation)), chain, file, now)


def _generations(
    spec: Spec, store: Store, contents: Contents, now: datetime
) -> tuple[dict[str, Chain], tuple[CertificateStatus, ...]]:
    """The CAs beside the present one. The next one has to be as the spec says; the previous one is what it was."""
    chains: dict[str, Chain] = {}
    statuses = []
    for name in (NEXT_CA, PREVIOUS_CA):
        file = store.path(certificate_file(name))
        problem = contents.problems.get(certificate_file(name)) or contents.problems.get(key_file(name))
        if not problem and not contents.has(certificate_file(name)):
            continue
        try:
            if problem:
                raise problem
            chains[name] = read_chain(contents.certificates[certificate_file(name)], file)
        except AuthorityError as unreadable:
            statuses.append(CertificateStatus.broken(name, unreadable, file))
            continue
        if name == NEXT_CA and isinstance(spec.authority, DeclaredAuthority):
            statuses.append(_judged_authority(name, spec.authority, chains[name], file, now))
        else:
            statuses.append(CertificateStatus(name, State.OK, "trusted until it is withdrawn", file, chains[name].root))
    unsafe = {file: problem for file, problem in contents.problems.items() if file.startswith(_REPLACED)}
    statuses += [
        CertificateStatus.broken(file.removesuffix("-key.pem"), problem, store.path(file))
        for file, problem in unsafe.items()
        if file not in (key_file(PREVIOUS_CA), certificate_file(PREVIOUS_CA))
    ]
    return chains, tuple(statuses)


def _certificate(
    name: str,
    wanted: DesiredCertificate,
    store: Store,
    contents: Contents,
    chain: Chain | None,
    now: datetime,
    spec: Spec,
) -> CertificateStatus:
    file, key = store.path(certificate_file(name)), store.path(key_file(name))
    unreadable = contents.problems.get(file.name)
    if unreadable:
        return CertificateStatus.broken(name, unreadable, file)
    if not contents.has(file.name):
        if not contents.has(key.name):
            return CertificateStatus(name, State.MISSING, "not issued yet", file)
        half = AuthorityError(f"missing, but {key.name} is here", "restore it, or move the key away", Place(file))
        return CertificateStatus.broken(name, half, file)
    try:
        certificate = read_certificates(contents.certificates[file.name], file)[0]
    except AuthorityError as damaged:
        return CertificateStatus.broken(name, damaged, file)
    unfit = contents.problems.get(key.name)
    if unfit:
        if key.name in contents.damaged:
            fix = f"restore the key from a backup, or move it and {file.name} away, and a new pair is made"
            unfit = AuthorityError.of(replace(each, fix=fix) for each in unfit.problems)
        return CertificateStatus.broken(name, unfit, file, certificate)
    if chain is None:
        return CertificateStatus(name, State.BROKEN, "the CA that issued it isn't here", file, certificate)
    status = judge(name, wanted, certificate, chain.issuer, file, now, spec.renewal)
    if contents.has(key.name):
        return status
    if status.state in TO_ISSUE:
        half = AuthorityError(
            f"missing, and {file.name} has to be issued again ({status.reason})",
            f"restore the key from a backup, or move {file.name} away, and a new pair is made",
            Place(key),
        )
        return CertificateStatus.broken(name, half, file, certificate)
    return CertificateStatus(name, State.OK, f"{key.name} isn't here: it can be trusted, not served", file, certificate)


def _also(spec: Spec, files: Files, now: datetime) -> Iterator[x509.Certificate]:
    for file in map(spec.path, spec.trust.also):
        for certificate in read_certificates(files.certificate(file), file):
            require_ca(certificate, file)
            require_current(certificate, file, now, "take it out of the file, or the file out of trust.also")
            yield certificate
