"""The registry of the distribution project, 2.7 to 3: its configuration, and where things are in its image. Pure."""

from __future__ import annotations

from typing import Any

import yaml

from anchorline.fleet.scripts import state_folder
from anchorline.registry.desired import (
    CERTIFICATE,
    CONFIGURATION,
    FILLED_IN,
    IMAGES,
    KEY,
    VOUCHING,
    HealthCheck,
    Instance,
    Mount,
    Service,
)
from anchorline.registry.runtimes import CONTAINER_RUNTIMES
from anchorline.spec import Spec
from anchorline.spec.model import Registry

# inside the container
FILES = "/etc/anchorline"
DATA = "/var/lib/registry"
PORT = 5000

DRAIN = 10
"""Seconds that running transfers get to end when it is restarted."""


def service(spec: Spec) -> Service:
    """The service of a spec: without instances where it has no registry."""
    return Service((instance(spec.site, spec.registry),) if spec.registry else ())


def instance(site: str, registry: Registry) -> Instance:
    """The registry as an instance."""
    folder, tls = f"{state_folder(site)}/registry", registry.mode == "remote"
    served = (VOUCHING, CERTIFICATE, KEY) if tls and registry.certificate else ()
    return Instance(
        site=site,
        name=registry.name,
        runtime=CONTAINER_RUNTIMES[registry.runtime],
        image=registry.image,
        archive=registry.archive,
        address=registry.address,
        folder=folder,
        configuration=configuration(site, tls=tls),
        files=(CONFIGURATION, *served),
        mounts=(Mount(f"{registry.data}/{IMAGES}", f"{DATA}/{IMAGES}"), Mount(folder, FILES, read_only=True)),
        volatile=DATA,
        environment=environment(tls=tls),
        arguments=(f"{FILES}/{CONFIGURATION.name}",),
        listen=registry.listen,
        inside=PORT,
        health=HealthCheck(registry.address.bare, registry.listen.nearby, tls),
        data=registry.data,
        certificate=registry.certificate or "" if tls else "",
        drain=DRAIN,
    )


def environment(*, tls: bool) -> dict[str, str]:
    """The variables that the registry's documentation names for TLS; all else is in config.yml."""
    variables = {"REGISTRY_HTTP_ADDR": f":{PORT}", "OTEL_TRACES_EXPORTER": "none"}
    if tls:
        variables["REGISTRY_HTTP_TLS_CERTIFICATE"] = f"{FILES}/{CERTIFICATE.name}"
        variables["REGISTRY_HTTP_TLS_KEY"] = f"{FILES}/{KEY.name}"
    return variables


def configuration(site: str, *, tls: bool) -> str:
    """config.yml, of keys that 2.7, 2.8 and 3 read alike."""
    settings: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "info", "formatter": "text", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": DATA},
            "delete": {"enabled": True},
            "cache": {"blobdescriptor": "inmemory"},
        },
        "http": {
            "draintimeout": f"{DRAIN}s",
            # made once on its host and kept beside the key: uploads that are under way survive a restart
            "secret": FILLED_IN,
            "headers": {"X-Content-Type-Options": ["nosniff"]},
            **({"tls": {"minimumtls": "tls1.2"}} if tls else {}),
        },
        "health": {"storagedriver": {"enabled": True, "interval": "10s", "threshold": 3}},
    }
    return f"# anchorline {site}: a deploy writes this file, and repairs it\n" + yaml.safe_dump(
        settings, sort_keys=False
    )
