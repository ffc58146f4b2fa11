"""Configuration files of others that a registry's CA has to be named in, a row each. Pure."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass

from anchorline.render import render
from anchorline.trust.stores.merging import Configuration, Document, Fragment, MergeError, inner, plain, prune

SHARED = "/etc/anchorline/"
"""The folder of those files, which every site's is in."""
CERTS_D = "/etc/containerd/certs.d"
DOCKER_CERTS_D = "/etc/docker/certs.d"


def _add_rancher(document: Document, fragment: Fragment) -> None:
    for name in fragment.names:
        tls = inner(document, "configs", name, "tls")
        if tls.get("ca_file", fragment.bundle) != fragment.bundle:
            raise MergeError(
                f"configs.{name}.tls.ca_file is {tls['ca_file']}, which isn't ours",
                "take it out, or take the store out of trust: {stores: ...}",
            )
        tls["ca_file"] = fragment.bundle
        # 1.29.3 heeds `configs` for mirrors alone (k3s#9839)
        inner(document, "mirrors", name).setdefault("endpoint", [f"https://{name}"])


def _drop_rancher(document: Document, fragment: Fragment) -> None:
    for name, config in list(inner(document, "configs").items()):
        tls = config.get("tls") if isinstance(config, MutableMapping) else None
        if isinstance(tls, MutableMapping) and tls.get("ca_file") == fragment.bundle:
            del tls["ca_file"]
            mirror = inner(document, "mirrors", name)
            if plain(mirror) == {"endpoint": [f"https://{name}"]}:
                del mirror["endpoint"]
            prune(document, "mirrors", name)
        prune(document, "configs", name, "tls")
    prune(document, "configs")


def _add_buildkit(document: Document, fragment: Fragment) -> None:
    for name in fragment.names:
        registry = inner(document, "registry", name)
        if fragment.bundle not in registry.setdefault("ca", []):
            registry["ca"].append(fragment.bundle)


def _drop_buildkit(document: Document, fragment: Fragment) -> None:
    for name, registry in list(inner(document, "registry").items()):
        files = registry.get("ca") if isinstance(registry, MutableMapping) else None
        if files and fragment.bundle in files:
            files.remove(fragment.bundle)
            if not files:
                del registry["ca"]
        prune(document, "registry", name)
    prune(document, "registry")


_VOLUME = f"{DOCKER_CERTS_D}:{DOCKER_CERTS_D}:ro"


def _add_runners(document: Document, fragment: Fragment) -> None:  # noqa: ARG001 (the same for every registry)
    for runner in document.get("runners", []):
        if "docker" in runner:
            volumes = inner(runner, "docker").setdefault("volumes", [])
            if _VOLUME not in volumes:
                volumes.append(_VOLUME)


def _drop_runners(document: Document, fragment: Fragment) -> None:  # noqa: ARG001 (as above)
    for runner in document.get("runners", []):
        volumes = runner.get("docker", {}).get("volumes", [])
        if _VOLUME in volumes:
            volumes.remove(_VOLUME)
            if not volumes:
                del runner["docker"]["volumes"]


_PLUGINS = {2: ("io.containerd.grpc.v1.cri", "registry"), 3: ("io.containerd.cri.v1.images", "registry")}
"""Where config_path stands, by the version of the file."""


def _add_containerd(document: Document, fragment: Fragment) -> None:  # noqa: ARG001 (as above)
    version = document.get("version", 1)
    if version not in _PLUGINS:
        raise MergeError(f"version {version}: config_path is known for 2 and 3", "run containerd config migrate")
    registry = inner(document, "plugins", *_PLUGINS[version])
    if old := [key for key in ("mirrors", "configs", "auths") if registry.get(key)]:
        raise MergeError(
            f"{'.'.join(_PLUGINS[version])} has {old[0]}, which excludes config_path", f"move it to {CERTS_D}"
        )
    path = registry.get("config_path")
    if path and CERTS_D not in str(path).split(":"):
        raise MergeError(f"config_path is {path}, and hosts.toml is read there alone", f"set it to {CERTS_D}:{path}")
    if not path:
        registry["config_path"] = CERTS_D


def _drop_containerd(document: Document, fragment: Fragment) -> None:  # noqa: ARG001 (as above)
    keys = _PLUGINS.get(document.get("version", 1), ())
    registry = inner(document, "plugins", *keys)
    if registry.get("config_path") == CERTS_D:
        del registry["config_path"]
    prune(document, "plugins", *keys)


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
