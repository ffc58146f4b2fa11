"""The spec as types: what ``anchorline.yml`` means once it has been read.

The words are cfssl's wherever cfssl has one. What makes a single value right stands here, beside its field;
a rule that looks at two places at once is a lint rule (``lint.py``).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from anchorline.spec.values import (
    AddressValue,
    ContainerValue,
    CountryValue,
    DnsNameValue,
    DurationValue,
    Endpoint,
    EndpointValue,
    ImageValue,
    NameValue,
    NetworkValue,
    PathValue,
    PercentValue,
    ShareValue,
    SiteValue,
    UserValue,
    parse_address,
    parse_duration,
    remote_path,
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
Store = Literal[
    "system", "docker", "podman", "containerd", "k3s", "rke2", "buildkit", "gitlab-runner", "java", "nss", "environment"
]

HTTPS = 443
HTTP = 80
LOCAL = Endpoint("localhost", 5000)
_SIZES: dict[str, tuple[int, ...]] = {"ecdsa": (256, 384, 521), "ed25519": (0, 256)}


class Model(BaseModel):
    """Unknown keys are errors, and nothing changes after it was read. The docstrings below the fields are what an
    editor shows beside their keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


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


def _authority_kind(value: Any) -> str:
    exists = "certificate" in value if isinstance(value, dict) else isinstance(value, ExistingAuthority)
    return "ExistingAuthority" if exists else "DeclaredAuthority"


Authority = Annotated[
    Annotated[DeclaredAuthority, Tag("DeclaredAuthority")] | Annotated[ExistingAuthority, Tag("ExistingAuthority")],
    Discriminator(_authority_kind),
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
    profiles: dict[str, Profile] = {}
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


def _listen(registry: dict[str, Any]) -> Endpoint:
    address: Endpoint = registry.get("address", LOCAL)
    if registry.get("mode", "remote") == "remote":
        return Endpoint(parse_address("0.0.0.0"), address.port or HTTPS)  # noqa: S104 (the fleet is to reach it)
    host = parse_address("127.0.0.1") if isinstance(address.host, str) else address.host
    return Endpoint(host, address.port or HTTP)


class Registry(Model):
    """The container, and the names under which the fleet reaches it."""

    mode: Literal["remote", "local"] = "remote"
    """remote: TLS for the fleet. local: plain HTTP on the loopback alone."""
    address: EndpointValue = LOCAL
    """What people type before /image:tag: HOST or HOST:PORT."""
    aliases: tuple[EndpointValue, ...] = ()
    """Other ways in, which the certificate covers and the stores know as well."""
    hosts_entry: AddressValue | None = None
    """The address to write beside the name into every host's /etc/hosts, where DNS doesn't know it."""
    listen: EndpointValue = Field(default_factory=_listen)
    """The socket. Left out: the port of `address`, on all IPv4 addresses, or in local mode on the loopback."""
    certificate: str | None = None
    """One of `certificates`. Needed in remote mode."""
    image: ImageValue = "registry:3"
    """The registry's image."""
    archive: PathValue | None = None
    """A `docker save` archive here, loaded where the image isn't there."""
    name: ContainerValue = "registry"
    """The container's name."""
    data: Annotated[str, AfterValidator(remote_path)] = "/var/lib/anchorline/registry"
    """The folder on the registry's host that holds the images."""
    runtime: Literal["docker"] = "docker"
    """What runs the container."""

    @field_validator("listen")
    @classmethod
    def _listen_has_a_port(cls, listen: Endpoint, info: ValidationInfo) -> Endpoint:
        return listen if listen.port else Endpoint(listen.host, _listen(info.data).port)

    @property
    def port(self) -> int:
        """The port that ``address`` means: its own, or the one that runtimes take for the mode's protocol."""
        return self.address.port or self._protocol_port

    @property
    def _protocol_port(self) -> int:
        return HTTPS if self.mode == "remote" else HTTP

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """``address`` and the aliases, each with its port; an alias without one is at the port of ``address``."""
        named = (self.address, *self.aliases)
        return tuple(dict.fromkeys(Endpoint(each.host, each.port or self.port) for each in named))

    @property
    def store_names(self) -> tuple[str, ...]:
        """What people may type before ``/image:tag``, and so the names in stores that are keyed by name:
        ``host:port``, and where the port needn't be typed, ``host`` as well."""
        names: list[str] = []
        for each in self.endpoints:
            names += [str(Endpoint(each.host)), str(each)] if each.port == self._protocol_port else [str(each)]
        return tuple(names)


class Containerd(Model):
    """containerd's own configuration, which its plugin for Kubernetes reads."""

    configure: bool = False
    """Whether config_path is merged into /etc/containerd/config.toml, where a kubelet needs it. Else it is shown."""


class Trust(Model):
    """Which stores are kept, each where it exists and is in use, and which other CAs go into them."""

    stores: tuple[Store, ...] = tuple(each for each in get_args(Store) if each != "environment")
    """The stores to keep. `environment` isn't among those that are kept unless they are named."""
    users: tuple[UserValue, ...] = ()
    """Users whose own stores are kept as well: rootless Docker's, and NSS databases (Chromium, Firefox)."""
    containerd: Containerd = Containerd()
    also: tuple[PathValue, ...] = ()
    """PEM files of other CAs, such as a company's root."""


class Verify(Model):
    """From where the proof pushes: one client, all of them, or none."""

    push: Literal["one", "all", "none"] = "one"
    """Who pushes; every client pulls."""


class Renewal(Model):
    """When a certificate is issued again ahead of its end."""

    before: ShareValue = 0.33
    """How much of its life is left then: a share such as 33%, or a duration such as 30d."""
    rekey: bool = True
    """Whether what is due or has ended gets a new key as well."""


class Rotation(Model):
    """What the gate of a rotation asks of the fleet (`anchorline pki rotate`)."""

    sighting: DurationValue = parse_duration("7d")
    """How long it counts that a host was seen to trust the next CA."""
    without: tuple[str, ...] = ()
    """Hosts of the inventory that are gone, by name: the gate doesn't wait for them."""


class Limits(Model):
    """How many hosts may fail, as a share of all, before the run stops ahead of its next step (never below 3)."""

    failed: PercentValue = 0.3
    """The share, such as 30%."""


class Spec(Model):
    """One site. ``folder`` is where its paths start: the folder of the file that it was read from."""

    version: Annotated[Literal[1], BeforeValidator(lambda value: 1 if value == "1" else value)]
    site: SiteValue
    """Names pki/SITE/ here, and the anchors and the marker on hosts."""
    authority: Authority | None = None
    """The CA: declared, or existing already as `certificate` and `key`."""
    signing: Signing = Signing()
    certificates: dict[str, CertificateRequest] = {}
    """What is issued, by name: NAME.pem, NAME-key.pem, NAME.csr."""
    renewal: Renewal = Renewal()
    rotation: Rotation = Rotation()
    registry: Registry | None = None
    """Left out: trust alone."""
    trust: Trust = Trust()
    verify: Verify = Verify()
    limits: Limits = Limits()
    ignore: tuple[str, ...] = ()
    """Codes of warnings that `anchorline check` keeps quiet about."""
    folder: SkipJsonSchema[Annotated[Path, Field(exclude=True)]] = Path()
    """Not a key of the file."""

    @property
    def pki(self) -> Path:
        """The folder of this site's CA and certificates."""
        return self.folder / "pki" / self.site

    def path(self, relative: Path) -> Path:
        """A path of the spec as one that can be opened from anywhere."""
        return self.folder / relative

    def expiry(self, request: CertificateRequest) -> timedelta:
        """How long a certificate that is asked for here would live, before the CA's own end clamps it."""
        expiry = self.signing.profile(request.profile).expiry
        assert expiry is not None  # noqa: S101 (Signing.profile fills it in)
        return expiry
