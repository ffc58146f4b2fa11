"""Configuration files of others that a registry's CA has to be named in, a row each. Pure."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass

from anchorline.render import render
from anchorline.trust.stores.merging import (
    LEFT,
    Configuration,
    Document,
    Fragment,
    MergeError,
    found,
    inner,
    mappings,
    prune,
    strings,
)

SHARED = "/etc/anchorline/"
"""The folder of those files, which every site's is in."""
CERTS_D = "/etc/containerd/certs.d"
DOCKER_CERTS_D = "/etc/docker/certs.d"


def _add_rancher(document: Document, fragment: Fragment) -> None:
    for name in fragment.names:
        tls = inner(document, "configs", name, "tls")
        if tls.get("ca_file") not in (None, "", fragment.bundle):
            raise MergeError(
                f"configs.{name}.tls.ca_file is another file than ours",
                "take it out, or take the store out of trust: {stores: ...}",
            )
        tls["ca_file"] = fragment.bundle
        # 1.29.3 heeds `configs` for mirrors alone (k3s#9839)
        inner(document, "mirrors", name).setdefault("endpoint", _endpoint(name))


def _endpoint(name: str) -> list[str]:
    return [f"https://{name}"]


def _drop_rancher(document: Document, fragment: Fragment) -> list[str]:
    names = []
    for name in list(found(document, "configs") or ()):
        tls = found(document, "configs", name, "tls")
        if tls is None or tls.get("ca_file") != fragment.bundle:
            continue
        names.append(name)
        del tls["ca_file"]
        prune(document, "configs", name, "tls")
        mirror = found(document, "mirrors", name)
        if mirror is not None and dict(mirror) == {"endpoint": _endpoint(name)}:
            del mirror["endpoint"]
            prune(document, "mirrors", name)
    return names


def _add_buildkit(document: Document, fragment: Fragment) -> None:
    for name in fragment.names:
        files = strings(inner(document, "registry", name), "ca", f"registry.{name}")
        if fragment.bundle not in files:
            files.append(fragment.bundle)


def _drop_buildkit(document: Document, fragment: Fragment) -> list[str]:
    names = []
    for name in list(found(document, "registry") or ()):
        registry = found(document, "registry", name)
        if registry is not None and _drop_string(registry, "ca", fragment.bundle):
            names.append(name)
            prune(document, "registry", name)
    return names


def _drop_string(document: Document, key: str, string: str) -> bool:
    """Take a string out of a list, and the list with it where nothing else is in it. Tells whether it was there."""
    strings = document.get(key)
    if not isinstance(strings, list) or string not in strings:
        return False
    strings.remove(string)
    if not strings:
        del document[key]
    return True


_VOLUME = f"{DOCKER_CERTS_D}:{DOCKER_CERTS_D}:ro"


def _add_runners(document: Document, fragment: Fragment) -> None:  # noqa: ARG001 (the same for every registry)
    for runner in mappings(document, "runners"):
        if "docker" in runner:
            volumes = strings(inner(runner, "docker", place="runners"), "volumes", "runners.docker")
            if _VOLUME not in volumes:
                volumes.append(_VOLUME)


def _drop_runners(document: Document, fragment: Fragment) -> list[str]:  # noqa: ARG001 (as above)
    runners = document.get("runners")
    for runner in runners if isinstance(runners, list) else ():
        docker = found(runner, "docker") if isinstance(runner, MutableMapping) else None
        if docker is not None:
            _drop_string(docker, "volumes", _VOLUME)
    return []


_PLUGINS = {2: ("io.containerd.grpc.v1.cri", "registry"), 3: ("io.containerd.cri.v1.images", "registry")}
"""Where config_path stands, by the version of the file."""


def _plugins(document: Document) -> tuple[str, ...]:
    version = document.get("version")
    return _PLUGINS.get(version, ()) if isinstance(version, int) else ()


def _add_containerd(document: Document, fragment: Fragment) -> None:  # noqa: ARG001 (as above)
    keys = _plugins(document)
    if not keys:
        raise MergeError(
            "its version is neither 2 nor 3, for which config_path is known", "run containerd config migrate"
        )
    registry = inner(document, "plugins", *keys)
    if old := [key for key in ("mirrors", "configs", "auths") if registry.get(key)]:
        raise MergeError(f"{'.'.join(keys)} has {old[0]}, which excludes config_path", f"move it to {CERTS_D}")
    path = registry.get("config_path") or CERTS_D
    if not isinstance(path, str):
        raise MergeError("config_path is no string", LEFT)
    if CERTS_D not in path.split(":"):
        raise MergeError(
            "config_path is another folder than ours, and hosts.toml is read there alone", f"put {CERTS_D}: before it"
        )
    if not registry.get("config_path"):
        registry["config_path"] = CERTS_D


def _drop_containerd(document: Document, fragment: Fragment) -> list[str]:  # noqa: ARG001 (as above)
    keys = _plugins(document)
    registry = found(document, "plugins", *keys) if keys else None
    if registry is not None and registry.get("config_path") == CERTS_D:
        del registry["config_path"]
        prune(document, "plugins", *keys)
    return []


def _rancher(name: str) -> Configuration:
    return Configuration(
        name,
        f"/etc/rancher/{name}/registries.yaml",
        used=(f"/etc/rancher/{name}", name),
        add=_add_rancher,
        drop=_drop_rancher,
        word=f"{name} reads it at its start: restart it",
    )


CONFIGURATIONS = (
    _rancher("k3s"),
    _rancher("rke2"),
    Configuration(
        "buildkit",
        "/etc/buildkit/buildkitd.toml",
        used=("/etc/buildkit", "buildkitd"),
        add=_add_buildkit,
        drop=_drop_buildkit,
        word="a builder that was made with it must be made again (docker buildx rm, create)",
    ),
    Configuration(
        "gitlab-runner",
        "/etc/gitlab-runner/config.toml",
        used=("/etc/gitlab-runner/config.toml",),
        add=_add_runners,
        drop=_drop_runners,
        word="Docker inside of jobs sees the CA from the next job on",
        common=True,
    ),
    Configuration(
        "containerd",
        "/etc/containerd/config.toml",
        used=("kubelet",),
        add=_add_containerd,
        drop=_drop_containerd,
        word="containerd reads it at its start: restart it",
        asked=f'config_path = "{CERTS_D}"',
        common=True,
    ),
)


def bundle(site: str) -> str:
    """The file that these files name: the site's CAs, as PEM."""
    return f"{SHARED}{site}.pem"


@dataclass(frozen=True)
class OwnedFile:
    """A file that is ours as a whole, in a place where others have theirs. Its first line tells: ``# anchorline SITE``.

    ``path`` may have ``{site}``, and ``{host}`` for each of the registry's hosts; ``template`` renders it.
    """

    store: str
    path: str
    used: tuple[str, ...]
    template: str = "bundle.pem.j2"

    def paths(self, site: str, hosts: Sequence[str]) -> list[str]:
        """Where it lies."""
        return list(dict.fromkeys(self.path.format(site=site, host=host) for host in hosts))

    def is_at(self, path: str) -> bool:
        """Whether a path is one of these files."""
        return path.startswith(self.path.partition("{")[0])

    def text(self, site: str, pems: Sequence[str], system: str) -> str:
        """Its content. ``system`` is the system's own bundle, which exists without us."""
        return render(self.template, site=site, pems=pems, system=system)


OWNED_FILES = (
    OwnedFile("gitlab-runner", "/etc/gitlab-runner/certs/{host}.crt", used=("/etc/gitlab-runner/config.toml",)),
    OwnedFile(
        "environment", "/etc/profile.d/50-anchorline-{site}.sh", used=("/etc/profile.d",), template="profile.sh.j2"
    ),
)
