"""Configuration files of others that a registry's CA has to be named in, a row each.

They are merged at the level of their format, by libraries that keep comments and order. What isn't ours stays, and
what is another's for the same name is refused rather than replaced. Pure: the text comes from a host and goes back.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import tomlkit
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from tomlkit.exceptions import ParseError

from anchorline.problem import ProblemError
from anchorline.render import render

Document = MutableMapping[str, Any]

SHARED = "/etc/anchorline/"
"""The folder of those files, which every site's is in."""
CERTS_D = "/etc/containerd/certs.d"
DOCKER_CERTS_D = "/etc/docker/certs.d"


LEFT = "fix it; it was left as it is"


class MergeError(ProblemError):
    """Why a file can't be merged: it doesn't parse, or it says something else already. Names the place in it."""


@dataclass(frozen=True)
class Fragment:
    """What a file is to say: that the registry of these names has the CAs in the file ``bundle``."""

    names: Sequence[str]
    bundle: str


@dataclass(frozen=True)
class Configuration:
    """One file.

    ``used``
        what tells that its program is in use: one of these commands in the PATH, or a path that exists.
    ``add``, ``drop``
        say it in the parsed document, and take it back.
    ``word``
        what the program wants before it heeds a change.
    ``asked``
        what it needs, where it is changed only with ``configure: true`` and shown as needed without.
    ``common``
        whether what we add is the same for every site, so that the last one takes it back.
    """

    store: str
    path: str
    used: tuple[str, ...]
    add: Callable[[Document, Fragment], None]
    drop: Callable[[Document, Fragment], None]
    word: str
    asked: str = ""
    common: bool = False

    def merged(self, text: str, fragment: Fragment) -> str:
        """The text with the fragment in it; the very same text where it says so already. Raises MergeError."""
        return self._changed(text, fragment, self.add)

    def without(self, text: str, fragment: Fragment) -> str:
        """The text without the fragment; nothing where nothing is left. Raises MergeError."""
        return self._changed(text, fragment, self.drop)

    def same(self, text: str, other: str) -> bool:
        """Whether two texts say the same. Raises MergeError."""
        return bool(_plain(self._load(text)) == _plain(self._load(other)))

    def _changed(self, text: str, fragment: Fragment, change: Callable[[Document, Fragment], None]) -> str:
        document = self._load(text)
        before = _plain(document)
        try:
            change(document, fragment)
        except MergeError as error:
            raise MergeError(error.problem.about(self.path)) from None
        if _plain(document) == before:
            return text
        changed = self._dump(document) if document else ""
        if any(line.startswith("@ ") for line in changed.splitlines()):
            raise MergeError(f"{self.path}: a line begins with '@ ', which doesn't travel", LEFT)
        return changed

    def _load(self, text: str) -> Document:
        try:
            document = tomlkit.parse(text) if self.path.endswith(".toml") else _yaml().load(text)
        except ParseError as error:
            raise self._unread(error.line, str(error).partition(" at line ")[0]) from None
        except MarkedYAMLError as error:
            raise self._unread(error.problem_mark.line + 1 if error.problem_mark else 1, error.problem) from None
        if document is None:
            return _yaml().map()  # type: ignore[no-any-return]
        if not isinstance(document, MutableMapping):
            raise self._unread(1, "not a mapping")
        return document

    def _unread(self, line: int, cause: str | None) -> MergeError:
        return MergeError(f"{self.path}, line {line}: {cause}", LEFT)

    def _dump(self, document: Document) -> str:
        if self.path.endswith(".toml"):
            return tomlkit.dumps(document)
        out = StringIO()
        _yaml().dump(document, out)
        return out.getvalue()


def _yaml() -> Any:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # or long lines of others are folded
    return yaml


def _plain(value: Any) -> Any:
    if isinstance(value, MutableMapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _inner(document: Document, *keys: str) -> Document:
    """The mapping under these keys; what isn't there, or is empty, is made."""
    for depth, key in enumerate(keys):
        if document.get(key) is None:
            document[key] = {}
        document = document[key]
        if not isinstance(document, MutableMapping):
            raise MergeError(f"{'.'.join(keys[: depth + 1])} is no mapping", LEFT)
    return document


def _prune(document: Document, *keys: str) -> None:
    """Remove the mappings under these keys, from the innermost, that are empty now."""
    if keys and isinstance(document.get(keys[0]), MutableMapping):
        _prune(document[keys[0]], *keys[1:])
        if not document[keys[0]]:
            del document[keys[0]]


def _add_rancher(document: Document, fragment: Fragment) -> None:
    for name in fragment.names:
        tls = _inner(document, "configs", name, "tls")
        if tls.get("ca_file", fragment.bundle) != fragment.bundle:
            raise MergeError(
                f"configs.{name}.tls.ca_file is {tls['ca_file']}, which isn't ours",
                "take it out, or take the store out of trust: {stores: ...}",
            )
        tls["ca_file"] = fragment.bundle
        # 1.29.3 heeds `configs` for mirrors alone (k3s#9839)
        _inner(document, "mirrors", name).setdefault("endpoint", [f"https://{name}"])


def _drop_rancher(document: Document, fragment: Fragment) -> None:
    for name, config in list(_inner(document, "configs").items()):
        tls = config.get("tls") if isinstance(config, MutableMapping) else None
        if isinstance(tls, MutableMapping) and tls.get("ca_file") == fragment.bundle:
            del tls["ca_file"]
            mirror = _inner(document, "mirrors", name)
            if _plain(mirror) == {"endpoint": [f"https://{name}"]}:
                del mirror["endpoint"]
            _prune(document, "mirrors", name)
        _prune(document, "configs", name, "tls")
    _prune(document, "configs")


def _add_buildkit(document: Document, fragment: Fragment) -> None:
    for name in fragment.names:
        registry = _inner(document, "registry", name)
        if fragment.bundle not in registry.setdefault("ca", []):
            registry["ca"].append(fragment.bundle)


def _drop_buildkit(document: Document, fragment: Fragment) -> None:
    for name, registry in list(_inner(document, "registry").items()):
        files = registry.get("ca") if isinstance(registry, MutableMapping) else None
        if files and fragment.bundle in files:
            files.remove(fragment.bundle)
            if not files:
                del registry["ca"]
        _prune(document, "registry", name)
    _prune(document, "registry")


_VOLUME = f"{DOCKER_CERTS_D}:{DOCKER_CERTS_D}:ro"


def _add_runners(document: Document, fragment: Fragment) -> None:  # noqa: ARG001 (the same for every registry)
    for runner in document.get("runners", []):
        if "docker" in runner:
            volumes = _inner(runner, "docker").setdefault("volumes", [])
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
    registry = _inner(document, "plugins", *_PLUGINS[version])
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
    registry = _inner(document, "plugins", *keys)
    if registry.get("config_path") == CERTS_D:
        del registry["config_path"]
    _prune(document, "plugins", *keys)


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
