"""The half of the spec that is about certificates: the CA, how it signs, and what it issues or somebody else did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from anchorline.spec.base import Model
from anchorline.spec.values import (
    CountryValue,
    DnsNameValue,
    DurationValue,
    NameValue,
    NetworkValue,
    PathValue,
    parse_duration,
)

Usage = Literal[
    # key usages (RFC 5280 4.2.1.3), cfssl's names; "signing" is its word for "digital signature"
    "signing",
    "digital signature",
    "content commitment",
    "key encipherment",
    "key agreement",
    "data encipherment",
    # extended key usages (RFC 5280 4.2.1.12)
    "server auth",
    "client auth",
    "code signing",
    "email protection",
    "s/mime",
    "timestamping",
    "ocsp signing",
]
_SIZES: dict[str, tuple[int, ...]] = {"ecdsa": (256, 384, 521), "ed25519": (0, 256)}


class Key(Model):
    """A key's algorithm and its size in bits: rsa 2048 to 8192, ecdsa 256, 384 or 521, ed25519 (no size)."""

    algo: Literal["rsa", "ecdsa", "ed25519"] = "ecdsa"
    """The algorithm."""
    size: int = 0
    """Bits. Left out: 256 for ecdsa, 2048 for rsa."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        size = self.size or {"rsa": 2048, "ecdsa": 256, "ed25519": 0}[self.algo]
        if self.algo == "rsa":
            if not 2048 <= size <= 8192:
                raise ValueError(f"rsa takes a size from 2048 to 8192, not {size}")
        elif size not in _SIZES[self.algo]:
            sizes = "256, 384 or 521" if self.algo == "ecdsa" else "no size"
            raise ValueError(f"{self.algo} takes {sizes}, not {size}")
        object.__setattr__(self, "size", 0 if self.algo == "ed25519" else size)
        return self


class SubjectName(Model):
    """The parts of a subject beside its CN (RFC 5280 4.1.2.4). Every entry of ``names`` goes into one subject."""

    C: CountryValue | None = None
    """Country, two capital letters (ISO 3166)."""
    ST: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """State or province."""
    L: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Locality, such as a city."""
    O: Annotated[str, Field(min_length=1, max_length=64)] | None = None  # noqa: E741
    """Organization."""
    OU: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Organizational unit."""


class AuthorityLife(Model):
    """How long the CA lives, and how many CAs may stand below it."""

    expiry: DurationValue = parse_duration("87600h")
    """Its life, such as 87600h or 10y."""
    pathlen: Annotated[int, Field(ge=0, le=10)] = 0
    """How many CAs may stand between it and a certificate."""


class NameConstraints(Model):
    """The only names that this CA can vouch for (RFC 5280 4.2.1.10). A kind without an entry is not constrained."""

    dns: tuple[DnsNameValue, ...] = ()
    """Domains; each permits itself and all names below it."""
    ip: tuple[NetworkValue, ...] = ()
    """Address ranges. Give one of each family: some clients take IPv4 and IPv6 apart."""


Issue = Literal["deploy", "explicit"]


class DeclaredAuthority(Model):
    """A CA that anchorline makes: cfssl's ``ca-csr.json``, and name constraints."""

    CN: Annotated[str, Field(min_length=1, max_length=64)]
    """The CA's name, which people meet in certificate lists."""
    key: Key = Key()
    names: tuple[SubjectName, ...] = ()
    """The rest of its subject."""
    hosts: tuple[str, ...] = ()
    """Read for cfssl's files, which often have it, and not used: a CA has no hosts."""
    ca: AuthorityLife = AuthorityLife()
    name_constraints: NameConstraints | None = None
    issue: Issue = "deploy"
    """explicit: a deploy issues nothing, and stops with the command to run. For pipelines whose checkout is lost."""


class ExistingAuthority(Model):
    """A CA that exists already. Without ``key`` it is rolled out and issues nothing. Paths: PEM files here."""

    certificate: PathValue
    """Its certificate, PEM."""
    key: PathValue | None = None
    """Its private key, PEM."""
    issue: Issue = "deploy"
    """explicit: a deploy issues nothing, and stops with the command to run."""


def _kind(existing: type[Model], declared: type[Model]) -> Callable[[Any], str]:
    """Tell by the key ``certificate`` which of the two a value is."""

    def kind(value: Any) -> str:
        exists = "certificate" in value if isinstance(value, dict) else isinstance(value, existing)
        return (existing if exists else declared).__name__

    return kind


Authority = Annotated[
    Annotated[DeclaredAuthority, Tag("DeclaredAuthority")] | Annotated[ExistingAuthority, Tag("ExistingAuthority")],
    Discriminator(_kind(ExistingAuthority, DeclaredAuthority)),
]


class Profile(Model):
    """How long certificates of this profile live and what they may be used for."""

    expiry: DurationValue | None = None
    """The life of a certificate, such as 8760h or 90d. Left out: the default profile's."""
    usages: tuple[Usage, ...] = ()
    """Key usages and extended key usages in cfssl's words."""


class DefaultProfile(Profile):
    """The profile of what names none, and the life of profiles that give none."""

    expiry: DurationValue = parse_duration("8760h")
    """The life of a certificate whose profile gives none."""


class Signing(Model):
    """cfssl's ``ca-config.json``."""

    default: DefaultProfile = DefaultProfile()
    profiles: dict[str, Profile] = Field(default={})
    """Profiles by name."""

    @field_validator("profiles")
    @classmethod
    def _default_stands_apart(cls, profiles: dict[str, Profile]) -> dict[str, Profile]:
        if "default" in profiles:
            raise ValueError("'default' stands beside `profiles`, not in it")
        return profiles

    def profile(self, name: str) -> Profile:
        """The named profile with its expiry filled in. Raises KeyError; ``check`` has refused it before."""
        profile = self.default if name == "default" else self.profiles[name]
        return profile if profile.expiry else profile.model_copy(update={"expiry": self.default.expiry})


class CertificateRequest(Model):
    """One certificate to issue: cfssl's ``server-csr.json``, and the profile that it is issued under."""

    profile: str = "default"
    """One of `signing.profiles`, or `default`."""
    CN: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Common name; clients look at `hosts` alone."""
    hosts: tuple[NameValue, ...] = ()
    """Subject alternative names: DNS names, `*.` in front or not, and addresses."""
    key: Key = Key()
    names: tuple[SubjectName, ...] = ()
    """The rest of the subject."""


class ExistingCertificate(Model):
    """A certificate that somebody else issued. It is served as it is, and never issued here. Paths: PEM files here."""

    certificate: PathValue
    """PEM: the certificate, then the intermediates in order, each issued by the next."""
    key: PathValue
    """Its private key, PEM. Read only where the registry gets it."""


Certificate = Annotated[
    Annotated[CertificateRequest, Tag("CertificateRequest")]
    | Annotated[ExistingCertificate, Tag("ExistingCertificate")],
    Discriminator(_kind(ExistingCertificate, CertificateRequest)),
]
