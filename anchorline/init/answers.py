"""What a new site is asked: a row for each question, pure. Readers raise ValueError, in words for a user."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from anchorline.spec.names import is_loopback
from anchorline.spec.values import (
    Address,
    Endpoint,
    Name,
    SiteValue,
    UserValue,
    local_path,
    parse_address,
    parse_dns_name,
    parse_endpoint,
    quote,
)
from anchorline.spec.words import explain

NONE = "none"
"""The word for what a site doesn't have."""
Given = Mapping[str, Any]
"""The answers so far, by the key of their question."""


@dataclass(frozen=True)
class Prompt:
    """``key`` is its option as well. ``default`` is None where somebody has to answer."""

    key: str
    text: str
    read: Callable[[str], Any]
    default: str | None = None
    asked: Callable[[Given], bool] = lambda given: True  # noqa: ARG005

    @property
    def flag(self) -> str:
        """Its option on the command line."""
        return f"--{self.key}"


def _written(kind: Any) -> Callable[[str], str]:
    """A reader by one of the spec's own types."""
    adapter: TypeAdapter[str] = TypeAdapter(kind)

    def read(text: str) -> str:
        try:
            return adapter.validate_python(text)
        except ValidationError as error:
            raise ValueError(str(explain(error.errors()[0]))) from None

    return read


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    try:
        form = text.encode("idna").decode()
    except UnicodeError:
        raise ValueError(f"{quote(text)} is no DNS name") from None
    raise ValueError(f"{quote(text)}: certificates and hosts know this name as {form}; write that")


def read_registry(text: str) -> Endpoint | None:
    """What people type before ``/image:tag``. None for a fleet that only trusts a CA."""
    if text == NONE:
        return None
    endpoint = parse_endpoint(_ascii(text))
    if is_loopback(endpoint.host):
        raise ValueError(f"{quote(text)} means each client itself; give the name that clients use")
    # reference.go of distribution: what has neither is the name of a user at Docker's own hub
    if isinstance(endpoint.host, str) and "." not in endpoint.host and endpoint.port is None:
        raise ValueError(f"{quote(text)}: Docker takes a name without a dot or a port for one at its own hub")
    return endpoint


def read_ip(text: str) -> Address | None:
    """The address of the registry's host. None where DNS knows it."""
    if text == NONE:
        return None
    address = parse_address(text)
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        raise ValueError(f"{quote(text)} is no address at which clients reach a host")
    return address


def read_ca(text: str) -> Path:
    """The PEM file of a CA. Its content is the check's to judge."""
    path = Path(local_path(text))
    if not os.path.isfile(path):  # noqa: PTH113 (Path's raises for a name that is too long)
        raise ValueError(f"{quote(text)}: there is no such file")
    return path


def read_host(text: str) -> Name:
    """A host as ssh knows it: a DNS name or an address."""
    try:
        return parse_address(text)
    except ValueError:
        return parse_dns_name(_ascii(text))


def read_clients(text: str) -> tuple[Name, ...]:
    """Hosts with spaces or commas between them, each once."""
    names = [] if text == NONE else re.split(r"[\s,]+", text.strip(" \t,"))
    return tuple(dict.fromkeys(map(read_host, names)))


QUESTIONS = (
    Prompt("site", "Name of the site, such as production or staging", _written(SiteValue), "production"),
    Prompt(
        "registry", f"What people type for the registry, such as hub.example.com ({NONE}: trust alone)", read_registry
    ),
    Prompt(
        "ip",
        f"IP address of its host ({NONE}: DNS knows it)",
        read_ip,
        NONE,
        lambda given: (endpoint := given["registry"]) is not None and isinstance(endpoint.host, str),
    ),
    Prompt("ca", "PEM file of the CA to trust", read_ca, asked=lambda given: given["registry"] is None),
    Prompt("clients", "Clients, as ssh knows them, with spaces between", read_clients),
    Prompt("user", "User at the hosts (root, or one who may use sudo)", _written(UserValue), "root"),
)
"""In the order in which they are asked. Nobody is asked more than five of them."""


@dataclass(frozen=True)
class Answers:
    """What a new site is made from. ``registry`` and ``ca``: one of them is given. ``aliases`` are other ways in."""

    site: str
    user: str
    clients: tuple[Name, ...]
    registry: Endpoint | None = None
    ip: Address | None = None
    ca: Path | None = None
    aliases: tuple[Name, ...] = ()

    @property
    def others(self) -> tuple[Name, ...]:
        """The clients beside the registry's host, which is one without being named."""
        return tuple(each for each in self.clients if each not in self.ways)

    @property
    def ways(self) -> tuple[Name, ...]:
        """Names and addresses of the registry's host."""
        first = [] if self.registry is None else [self.registry.host]
        return tuple(dict.fromkeys([*first, *self.aliases, *([] if self.ip is None else [self.ip])]))
