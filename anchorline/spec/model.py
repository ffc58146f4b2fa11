"""The spec as types: what ``anchorline.yml`` means once it has been read.

The words are cfssl's wherever cfssl has one. What makes a single value right stands here, beside its field;
a rule that looks at two places at once is a lint rule (``lint.py``).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic.json_schema import SkipJsonSchema

from anchorline.commands import SPEC
from anchorline.spec.base import Model
from anchorline.spec.issuing import (
    Authority,
    AuthorityLife,
    Certificate,
    CertificateRequest,
    DeclaredAuthority,
    ExistingAuthority,
    ExistingCertificate,
    Key,
    NameConstraints,
    Profile,
    Signing,
    SubjectName,
    Usage,
)
from anchorline.spec.values import (
    AddressValue,
    ContainerValue,
    DurationValue,
    Endpoint,
    EndpointValue,
    ImageValue,
    PathValue,
    PercentValue,
    ShareValue,
    SiteValue,
    SocketValue,
    UserValue,
    parse_address,
    parse_duration,
    remote_path,
)

__all__ = [
    "Authority",
    "AuthorityLife",
    "Certificate",
    "CertificateRequest",
    "Containerd",
    "DeclaredAuthority",
    "ExistingAuthority",
    "ExistingCertificate",
    "Key",
    "Limits",
    "Model",
    "NameConstraints",
    "Profile",
    "Registry",
    "Renewal",
    "Rotation",
    "Signing",
    "Spec",
    "Store",
    "SubjectName",
    "Trust",
    "Usage",
    "Verify",
]

Store = Literal[
    "system", "docker", "podman", "containerd", "k3s", "rke2", "buildkit", "gitlab-runner", "java", "nss", "environment"
]

HTTPS = 443
HTTP = 80
LOCAL = Endpoint("localhost", 5000)


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
    listen: SocketValue = Field(default_factory=_listen)
    """The socket, ADDRESS:PORT. Left out: the port of `address`, on all IPv4 addresses (local mode: the loopback)."""
    certificate: str | None = None
    """One of `certificates`. Needed in remote mode."""
    image: ImageValue = "registry:3"
    """The registry's image."""
    archive: PathValue | None = None
    """A `docker save` archive here, loaded where the image isn't there."""
    name: ContainerValue = "registry"
    """The container's name."""
    data: Annotated[str, AfterValidator(remote_path)] = "/var/lib/anchorline/registry"
    """The folder on the registry's host that holds the images; it becomes root's, and the container writes below."""
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
    def endpoint(self) -> Endpoint:
        """``address`` with its port."""
        return Endpoint(self.address.host, self.port)

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
    """From where the verification pushes: one client, all of them, or none."""

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
    """One site. Its paths start in the folder of the file that it was read from."""

    version: Annotated[Literal[1], BeforeValidator(lambda value: 1 if value == "1" else value)]
    site: SiteValue
    """Names pki/SITE/ here, and the anchors and the marker on hosts."""
    authority: Authority | None = None
    """The CA: declared, or existing already as `certificate` and `key`."""
    signing: Signing = Signing()
    certificates: dict[str, Certificate] = Field(default={})
    """By name: what is issued, as NAME.pem, NAME-key.pem and NAME.csr; or what exists, as `certificate` and `key`."""
    renewal: Renewal = Renewal()
    rotation: Rotation = Rotation()
    registry: Registry | None = None
    """Left out: trust alone."""
    trust: Trust = Trust()
    verify: Verify = Verify()
    limits: Limits = Limits()
    ignore: tuple[str, ...] = ()
    """Codes of warnings that `anchorline check` keeps quiet about."""
    file: SkipJsonSchema[Annotated[Path, Field(exclude=True)]] = Path(SPEC)
    """What it was read from, absolute. Not a key of the file."""

    @property
    def tls_registry(self) -> Registry | None:
        """The registry where it serves the fleet over TLS; None in local mode, which is plain HTTP on the loopback."""
        return self.registry if self.registry and self.registry.mode == "remote" else None

    @property
    def requests(self) -> dict[str, CertificateRequest]:
        """Of ``certificates``, what we issue."""
        return {name: each for name, each in self.certificates.items() if isinstance(each, CertificateRequest)}

    @property
    def external(self) -> dict[str, ExistingCertificate]:
        """Of ``certificates``, what somebody else issued."""
        return {name: each for name, each in self.certificates.items() if isinstance(each, ExistingCertificate)}

    @property
    def folder(self) -> Path:
        """Where the site's paths start."""
        return self.file.parent

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
