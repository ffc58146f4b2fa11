"""The registry's container: what it is made of, and the digest that tells whether it has to be made anew. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address

from anchorline.fleet.scripts import File, state_folder
from anchorline.render import render
from anchorline.spec import Spec
from anchorline.spec.model import Registry

# inside the container
INSIDE = "/etc/anchorline"
DATA = "/var/lib/registry"
PORT = 5000

SPEC_LABEL = "anchorline.spec"
SITE_LABEL = "anchorline.site"
DRAIN = 10
"""Seconds that running transfers get at a stop; Docker's own patience must be longer, or it kills them."""


@dataclass(frozen=True)
class Container:
    """One container as the spec wants it. ``folder`` on the host holds its configuration, certificate and key."""

    site: str
    registry: Registry

    @classmethod
    def of(cls, spec: Spec) -> Container | None:
        """The container of a spec that has a registry."""
        return cls(spec.site, spec.registry) if spec.registry else None

    @property
    def folder(self) -> str:
        """Our own folder on the host, mounted read-only."""
        return f"{state_folder(self.site)}/registry"

    @property
    def tls(self) -> bool:
        """Whether it serves TLS. In local mode it is plain HTTP on the loopback interface."""
        return self.registry.mode == "remote"

    @property
    def publish(self) -> str:
        """What ``docker run --publish`` takes."""
        listen = self.registry.listen
        host = f"[{listen.host}]" if isinstance(listen.host, IPv6Address) else str(listen.host)
        return f"{host}:{listen.port}:{PORT}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that the registry's documentation names for TLS; all else is in config.yml."""
        variables = {"REGISTRY_HTTP_ADDR": f":{PORT}", "OTEL_TRACES_EXPORTER": "none"}
        if self.tls:
            variables["REGISTRY_HTTP_TLS_CERTIFICATE"] = f"{INSIDE}/server.pem"
            variables["REGISTRY_HTTP_TLS_KEY"] = f"{INSIDE}/server-key.pem"
        return variables

    @property
    def configuration(self) -> File:
        """config.yml, whose secret the host fills in."""
        return File(f"{self.folder}/config.yml", render("config.yml.j2", site=self.site, drain=DRAIN), "600")

    @property
    def digest(self) -> str:
        """SHA-256 of all that a running container can't be given anew: its label decides on replacement.

        The certificate isn't in it: a new pair needs a restart, not a new container.
        """
        parts = {
            "image": self.registry.image,
            "publish": self.publish,
            "environment": dict(self.environment),
            "mounts": [self.registry.data, self.folder],
            "configuration": self.configuration.sha256,
        }
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def create(self) -> list[str]:
        """The arguments after ``docker create --name NAME``; ``@Z`` becomes SELinux's mount label where it is on."""
        return [
            "--restart=unless-stopped",
            f"--label={SPEC_LABEL}={self.digest}",
            f"--label={SITE_LABEL}={self.site}",
            f"--publish={self.publish}",
            f"--volume={self.registry.data}:{DATA}@Z",
            f"--volume={self.folder}:{INSIDE}:ro@Z",
            *(f"--env={name}={value}" for name, value in self.environment.items()),
            self.registry.image,
            f"{INSIDE}/config.yml",
        ]
