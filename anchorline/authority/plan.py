"""In which state the CA and each certificate are, and why. Pure: what was read goes in, a standing comes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509

from anchorline.authority import keys
from anchorline.authority.anchors import Chain, issued
from anchorline.authority.certificates import authority_identifier, end, name_of
from anchorline.authority.profile import DesiredAuthority, DesiredCertificate
from anchorline.errors import AuthorityError
from anchorline.problem import Health, Place, Problem
from anchorline.spec.model import Renewal
from anchorline.spec.values import format_share


class State(StrEnum):
    """The states of the CA and of a certificate."""

    MISSING = "missing"
    OK = "ok"
    DRIFT = "drift"
    DUE = "due"
    EXPIRED = "expired"
    CHANGED = "changed"
    BROKEN = "broken"
    UNFINISHED = "unfinished"
    ASKED = "asked"
    ROTATED = "rotated"


TO_ISSUE = frozenset({State.MISSING, State.DRIFT, State.DUE, State.EXPIRED})
"""What a deploy and ``pki issue`` act on."""


@dataclass(frozen=True)
class CertificateStatus:
    """How it is with the CA (``name`` is "ca") or one certificate: ``reason`` in words. ``problem`` is why a run has to
    refuse."""

    name: str
    state: State
    reason: str
    file: Path
    certificate: x509.Certificate | None = None
    problem: AuthorityError | None = None

    @classmethod
    def broken(
        cls,
        name: str,
        problem: AuthorityError,
        file: Path,
        certificate: x509.Certificate | None = None,
        state: State = State.BROKEN,
    ) -> CertificateStatus:
        """A standing that no run may act on."""
        return cls(name, state, str(problem), file, certificate, problem)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with it, with the file that each is in; what stops nothing, such as an end that is near, as a
        warning."""
        if self.problem is not None:
            return self.problem.problems
        return (Problem(self.reason, health=Health.WARNING),) if self.reason else ()


def judge_authority(name: str, wanted: DesiredAuthority, chain: Chain, file: Path, now: datetime) -> CertificateStatus:
    """Compare the CA on disk with the spec. Its life isn't compared: another ``expiry`` counts for the next CA."""
    certificate = chain.root
    differences = authority_differences(wanted, certificate)
    if differences:
        problem = AuthorityError(
            f"the spec's authority section differs from this CA: {'; '.join(differences)}",
            "a changed section is not a new CA: put the spec back; or have the next CA made by it, and the fleet led "
            "over: anchorline pki rotate; or take this CA as it is: authority: {certificate: …, key: …}",
            Place(file),
        )
        return CertificateStatus.broken(name, problem, file, certificate, State.CHANGED)
    return judge_life(name, certificate, file, now)


def judge_life(name: str, certificate: x509.Certificate, file: Path, now: datetime) -> CertificateStatus:
    """A CA that is as it should be, unless it has ended."""
    begun, ended = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now <= ended:
        ending = ended - now < (ended - begun) / 10
        reason = f"it ends on {ended:%Y-%m-%d}: lead the fleet over to the next one in good time" if ending else ""
        return CertificateStatus(name, State.OK, reason, file, certificate)
    problem = AuthorityError(
        f"the CA {name_of(certificate)} ended on {ended:%Y-%m-%d}, and what it issued ended with it",
        "make the next one: anchorline pki rotate, or declare one that exists",
        Place(file),
    )
    return CertificateStatus.broken(name, problem, file, certificate, State.EXPIRED)


def authority_differences(wanted: DesiredAuthority, certificate: x509.Certificate) -> list[str]:
    """What differs between the declared CA and the one on disk, old and new."""
    extensions = {type(extension.value): extension.value for extension in certificate.extensions}
    basic = extensions.get(x509.BasicConstraints)
    pathlen = basic.path_length if isinstance(basic, x509.BasicConstraints) else None
    found = {
        "subject": (_parts(certificate.subject), _parts(wanted.subject)),
        "key": (keys.describe(keys.kind(certificate.public_key())), keys.describe(wanted.key)),
        "pathlen": (_pathlen_text(pathlen), _pathlen_text(wanted.pathlen if wanted.pathlen_given else pathlen)),
        "name_constraints": (
            _constraints_text(extensions.get(x509.NameConstraints)),
            _constraints_text(wanted.constraints),
        ),
    }
    return [f"{field} is {old}, the spec says {new}" for field, (old, new) in found.items() if old != new]


def _parts(subject: x509.Name) -> str:
    """A subject's parts without regard to their order: cfssl and OpenSSL each have one of their own."""
    return ", ".join(sorted(attribute.rfc4514_string() for attribute in subject))


def _pathlen_text(pathlen: int | None) -> str:
    return "none" if pathlen is None else str(pathlen)


def _constraints_text(constraints: object) -> str:
    if not isinstance(constraints, x509.NameConstraints):
        return "none"
    permitted = sorted(str(base.value) for base in constraints.permitted_subtrees or ())
    excluded = sorted(f"not {base.value}" for base in constraints.excluded_subtrees or ())
    return f"[{', '.join(permitted + excluded)}]"


def due_from(certificate: x509.Certificate, renewal: Renewal) -> datetime:
    """From when on a certificate is to be renewed."""
    begin, finish = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    before = renewal.before
    return finish - (before if isinstance(before, timedelta) else (finish - begin) * before)


def judge(
    name: str,
    wanted: DesiredCertificate,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    file: Path,
    now: datetime,
    renewal: Renewal,
) -> CertificateStatus:
    """Compare a certificate on disk with the spec and the clock. Another ``expiry`` alone is no drift."""
    differences = differences_of(wanted, certificate, issuer)
    finish = certificate.not_valid_after_utc
    if differences:
        state, reason = State.DRIFT, "; ".join(differences)
    elif now > finish:
        state, reason = State.EXPIRED, f"it ended on {finish:%Y-%m-%d}"
    elif now <= due_from(certificate, renewal):
        state, reason = State.OK, ""
    elif end(wanted, issuer, now) <= finish:
        state, reason = State.OK, "it ends with its CA; a new one would end no later"
    else:
        left = format_share(renewal.before)
        share = left if isinstance(renewal.before, timedelta) else f"{left} of its life"
        state, reason = State.DUE, f"less than {share} is left, it ends on {finish:%Y-%m-%d}"
    return CertificateStatus(name, state, reason, file, certificate)


def differences_of(wanted: DesiredCertificate, certificate: x509.Certificate, issuer: x509.Certificate) -> list[str]:
    """What differs between a declared certificate and the one on disk."""
    extensions = {type(extension.value): extension.value for extension in certificate.extensions}
    differences = []
    if certificate.subject != wanted.subject:
        differences.append(f"subject: {name_of(certificate)}, now {wanted.subject.rfc4514_string() or '(none)'}")
    san = extensions.get(x509.SubjectAlternativeName)
    names, declared = (_names(each) for each in (san, wanted.names))
    if names != declared:
        changes = sorted(f"+{name.value}" for name in declared - names)
        changes += sorted(f"-{name.value}" for name in names - declared)
        differences.append(f"names: {' '.join(changes)}")
    extended = extensions.get(x509.ExtendedKeyUsage)
    if extensions.get(x509.KeyUsage) != wanted.usage or _purposes(extended) != _purposes(wanted.extended):
        differences.append("usages")
    kind = keys.kind(certificate.public_key())
    if kind != wanted.key:
        differences.append(f"key: {keys.describe(kind)}, now {keys.describe(wanted.key)}")
    if not _is_issued_by(certificate, issuer):
        differences.append(
            f"issuer: {certificate.issuer.rfc4514_string()} with another key or name than {name_of(issuer)}"
        )
    return differences


def _names(san: object) -> set[x509.GeneralName]:
    return set(san) if isinstance(san, x509.SubjectAlternativeName) else set()


def _purposes(extended: object) -> set[x509.ObjectIdentifier]:
    return set(extended) if isinstance(extended, x509.ExtendedKeyUsage) else set()


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    extensions = {type(extension.value): extension.value for extension in certificate.extensions}
    identifier = extensions.get(x509.AuthorityKeyIdentifier)
    return identifier == authority_identifier(issuer) and issued(certificate, issuer)
