"""Single values of the spec: durations, names, addresses, endpoints. Parsers raise ValueError, in words for a user."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from anchorline.problem import ProblemError

Address = IPv4Address | IPv6Address
Name = str | IPv4Address | IPv6Address
"""A subject alternative name: a DNS name in lower case, or an address."""

_UNITS = {"y": 365 * 86400, "w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([ywdhms])")
# RFC 1123 2.1 on top of RFC 1034 3.5; the underscore is not a host's
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
LONGEST = timedelta(days=365 * 100)


def clip(value: Any, longest: int = 200) -> str:
    """A value as a message shows it: cut where it would fill the screen."""
    text = str(value)
    return text if len(text) <= longest else f"{text[:longest]}…"


def quote(value: Any) -> str:
    """A value in quotes, cut short."""
    return repr(clip(value, 60))


def parse_duration(value: Any) -> timedelta:
    """Read ``8760h``, ``1h30m``, ``90d``, ``2w`` or ``10y`` (365 days each): Go's form, and d, w, y."""
    if isinstance(value, timedelta):
        return value
    text = str(value).strip()
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ProblemError(f"{quote(text)} is no duration", "write it like 8760h, 90d, 2w or 10y")
    length = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not 1 <= length <= LONGEST.total_seconds():
        raise ValueError(f"{quote(text)} is not between 1s and 100y")
    return timedelta(seconds=round(length))


def format_duration(length: timedelta) -> str:
    """Write a duration the way cfssl does: in hours where they come out even."""
    seconds = round(length.total_seconds())
    return f"{seconds // 3600}h" if seconds % 3600 == 0 else f"{seconds}s"


def parse_dns_name(value: Any, *, wildcard: bool = False) -> str:
    """Read a DNS name into lower case (RFC 1123 2.1); with ``wildcard``, ``*`` may stand first (RFC 6125 6.4.3)."""
    name = str(value).strip().lower().removesuffix(".")
    labels = name.split(".")
    if wildcard and len(labels) > 2 and labels[0] == "*":
        labels = labels[1:]
    # str.lower makes an ASCII k of the Kelvin sign
    if not (str(value).isascii() and len(name) <= 253 and all(map(_LABEL.fullmatch, labels))) or labels[-1].isdigit():
        raise ProblemError(f"{quote(value)} is no DNS name", "letters, digits and hyphens (an IDN as its xn-- form)")
    return name


def parse_address(value: Any) -> Address:
    """Read an IPv4 or IPv6 address. One with a zone (``fe80::1%eth0``) means something on one host only."""
    text = str(value).strip()
    try:
        if "%" not in text:
            return ip_address(text)
    except ValueError:
        pass
    raise ValueError(f"{quote(value)} is no IP address")


def parse_name(value: Any) -> Name:
    """Read a subject alternative name: an address where it is one, else a DNS name, with a wildcard or without."""
    try:
        return parse_address(value)
    except ValueError:
        pass
    try:
        return parse_dns_name(value, wildcard=True)
    except ValueError:
        raise ValueError(f"{quote(value)} is neither a DNS name nor an IP address") from None


def parse_network(value: Any) -> IPv4Network | IPv6Network:
    """Read an address range such as ``192.0.2.0/24`` or ``2001:db8::/32``; one address is a range of its own."""
    text = str(value).strip()
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        hint = f"the range that holds it is {ip_network(text, strict=False)}"
    except ValueError:
        hint = "write it like 192.0.2.0/24 or 2001:db8::/32"
    raise ProblemError(f"{quote(text)} is no address range", hint)


@dataclass(frozen=True)
class Endpoint:
    """Where something listens, or what people type before ``/image:tag``. ``port`` is None where none was written."""

    host: Name
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if isinstance(self.host, IPv6Address) else str(self.host)
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def bare(self) -> Endpoint:
        """The host alone, as it stands in a URL: an IPv6 address in brackets."""
        return Endpoint(self.host)

    @property
    def nearby(self) -> Endpoint:
        """The host alone, as it is reached from the machine that listens there: the loopback for a wildcard."""
        host = self.host
        if isinstance(host, IPv4Address | IPv6Address) and host.is_unspecified:
            host = ip_address("127.0.0.1" if host.version == 4 else "::1")
        return Endpoint(host)


def parse_endpoint(value: Any) -> Endpoint:
    """Read ``host``, ``host:port``, an address, or ``[IPv6]:port``."""
    if isinstance(value, Endpoint):
        return value
    text = str(value).strip()
    host, port = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{quote(text)}: an IPv6 address with a port is written [2001:db8::1]:443")
        port = rest[1:]
        if not isinstance(parse_name(host), IPv6Address):
            raise ValueError(f"{quote(text)}: brackets are for an IPv6 address, such as [2001:db8::1]:443")
        if rest == ":":
            raise ValueError(f"{quote(text)} ends without a port")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not port:
            raise ValueError(f"{quote(text)} ends without a port")
    name = parse_name(host)
    if isinstance(name, str) and name.startswith("*"):
        raise ValueError(f"{quote(text)}: a wildcard can't be typed before an image's name")
    return Endpoint(name, parse_port(port) if port else None)


def parse_socket(value: Any) -> Endpoint:
    """Read where something listens: an address, with a port or without. Runtimes take no name there."""
    socket = parse_endpoint(value)
    if isinstance(socket.host, str):
        port = f":{socket.port}" if socket.port else ""
        address = "127.0.0.1" if socket.host == "localhost" else "0.0.0.0"  # noqa: S104 (an example)
        raise ProblemError(f"{quote(value)}: a name is no address to listen on", f"write it like {address}{port}")
    return socket


def parse_port(value: Any) -> int:
    """Read a TCP port, 1 to 65535."""
    text = str(value)
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ProblemError(f"{quote(text)} is no port", "a number from 1 to 65535")
    return int(text)


def parse_percent(value: Any) -> float:
    """Read ``30%`` into 0.3."""
    text = str(value).strip()
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?%", text) or float(text[:-1]) > 100:
        raise ProblemError(f"{quote(text)} is no percentage", "write it like 30%")
    return float(text[:-1]) / 100


def parse_share(value: Any) -> float | timedelta:
    """Read ``33%`` into 0.33, and anything else as a duration."""
    return parse_percent(value) if str(value).strip().endswith("%") else parse_duration(value)


def format_share(share: float | timedelta) -> str:
    """``33%``, or a duration."""
    return format_duration(share) if isinstance(share, timedelta) else f"{share * 100:g}%"


def _single(parse: Callable[[Any], Any]) -> BeforeValidator:
    """``parse`` for what is one value; a list or a mapping gets an answer that says so."""

    def read(value: Any) -> Any:
        if isinstance(value, list | dict):
            raise ValueError(f"is a {'list' if isinstance(value, list) else 'mapping'} where one value is expected")  # noqa: TRY004 (pydantic collects ValueError alone)
        return parse(value)

    return BeforeValidator(read)


def _typed(parse: Callable[[Any], Any], example: str) -> Any:
    """An annotation whose values are parsed from, serialized to and described as strings."""
    return (
        _single(parse),
        PlainSerializer(str, return_type=str),
        WithJsonSchema({"type": "string", "examples": [example]}),
    )


def _written(pattern: str, words: str, longest: int, example: str) -> Any:
    """An annotation for text in a fixed form; ``words`` say the form to people, ``pattern`` to editors."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value) or len(value) > longest:
            raise ValueError(f"{quote(value)}: {words}, {longest} characters at most")
        return value

    form = {"type": "string", "pattern": f"^{pattern}$", "maxLength": longest, "examples": [example]}
    return AfterValidator(check), WithJsonSchema(form)


def remote_path(value: str) -> str:
    """Check a folder's path on a host: absolute, below another one, without ``..``, nothing that needs quotes."""
    parts = value.split("/")
    if not value.startswith("/") or len(parts) < 3 or {".", "..", ""} & set(parts[1:]):
        raise ProblemError(f"{quote(value)} is no path of a folder", "absolute, below another one, without '..'")
    if not re.fullmatch(r"[A-Za-z0-9/._@+-]+", value):
        raise ValueError(f"{quote(value)}: letters, digits and / . _ @ + - only")
    return value


def local_path(value: Any) -> Any:
    """Check the path of a file here: some text, and no ``~``, which only a shell expands."""
    text = str(value)
    if not text.strip() or "\0" in text:
        raise ValueError(f"{quote(text)} is no path")
    if text.startswith("~"):
        raise ProblemError(f"{quote(text)}: '~' isn't expanded", "write the path out")
    return value


DurationValue = Annotated[
    timedelta,
    _single(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["8760h", "90d"]}),
]
NameValue = Annotated[Any, *_typed(parse_name, "registry.example.com")]
DnsNameValue = Annotated[str, *_typed(parse_dns_name, "example.com")]
AddressValue = Annotated[Any, *_typed(parse_address, "192.0.2.10")]
NetworkValue = Annotated[Any, *_typed(parse_network, "192.0.2.0/24")]
EndpointValue = Annotated[Endpoint, *_typed(parse_endpoint, "registry.example.com:5000")]
SocketValue = Annotated[Endpoint, *_typed(parse_socket, "0.0.0.0:443")]
PercentValue = Annotated[
    float,
    _single(parse_percent),
    PlainSerializer(format_share, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["30%"]}),
]
ShareValue = Annotated[
    Any,
    _single(parse_share),
    PlainSerializer(format_share, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["33%", "30d"]}),
]
PathValue = Annotated[Path, _single(local_path), WithJsonSchema({"type": "string", "examples": ["company-root.pem"]})]
SiteValue = Annotated[
    str,
    *_written(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "small letters, digits and hyphens between them", 40, "production"),
]
CountryValue = Annotated[str, *_written(r"[A-Z]{2}", "a country is two capital letters (ISO 3166)", 2, "CN")]
ImageValue = Annotated[
    str,
    *_written(
        r"[a-z0-9][A-Za-z0-9._:/@-]*", "an image is written NAME:TAG or NAME@sha256:DIGEST", 255, "registry:2.8.3"
    ),
]
UserValue = Annotated[str, *_written(r"[a-z_][a-z0-9_.-]*", "a user's name on the hosts", 32, "alice")]
ContainerValue = Annotated[
    str, *_written(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", "letters, digits and _ . - after the first", 63, "registry")
]
