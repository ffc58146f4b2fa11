"""The registry's image, as an archive that `docker load`, `podman load` and `ctr images import` take.

It is made of Debian's own packages (distribution 2.8.3 and a static busybox) and behaves as the image that the
registry's makers publish: the same entry point, the same default command, the same volume and port.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import subprocess
import tarfile
from pathlib import Path

from lab.cache import artefact
from lab.hosts import TRIXIE
from lab.image import built

TAG = "registry:2.8.3"
EMPTY = ("root", "var/lib/registry")
CREATED = "2025-01-01T00:00:00Z"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

ENTRYPOINT = """#!/bin/sh
# A configuration file alone means "serve it", as in the image that the registry's makers publish.
set -e
case "$1" in
	*.yaml | *.yml) set -- registry serve "$@" ;;
	serve | garbage-collect | help | -*) set -- registry "$@" ;;
esac
exec "$@"
"""
CONFIG = """version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
"""
# What the parts are called in Debian, and in the image.
PROGRAMS = {"bin/registry": "usr/bin/docker-registry", "bin/busybox": "usr/bin/busybox"}
TEXTS = {
    "entrypoint.sh": (0o755, ENTRYPOINT),
    "etc/docker/registry/config.yml": (0o644, CONFIG),
    "etc/passwd": (0o644, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
    "etc/group": (0o644, "root:x:0:\nnobody:x:65534:\n"),
}


def archive() -> Path:
    """The archive's path in the cache."""
    parts = built(TRIXIE) / "parts"
    inputs = (parts.parent.name, TAG, CREATED, repr(PROGRAMS), repr(TEXTS))
    return artefact("registry", inputs, lambda folder: build(folder / "registry.tar", parts)) / "registry.tar"


def build(place: Path, parts: Path) -> None:
    layer = layer_of(parts)
    diff_id = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    config = json.dumps(
        {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "created": CREATED,
            "config": {
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "Entrypoint": ["/entrypoint.sh"],
                "Cmd": ["/etc/docker/registry/config.yml"],
                "ExposedPorts": {"5000/tcp": {}},
                "Volumes": {"/var/lib/registry": {}},
            },
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
            "history": [{"created": CREATED, "created_by": "anchorline lab"}],
        }
    ).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [TAG], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(place, "w") as tar:
        for member, data in ((name, config), ("layer.tar", layer), ("manifest.json", manifest)):
            add(tar, member, 0o644, data)


def layer_of(parts: Path) -> bytes:
    """The one layer, a tar with nothing in it that differs from build to build."""
    applets = subprocess.run([parts / PROGRAMS["bin/busybox"], "--list"], capture_output=True, text=True, check=True)
    libraries = [path for path in parts.glob("lib*/**/*") if path.is_file()]
    files = {
        **{place: (0o755, (parts / part).read_bytes()) for place, part in PROGRAMS.items()},
        **{str(path.relative_to(parts)): (0o755, path.read_bytes()) for path in libraries},
        **{place: (mode, text.encode()) for place, (mode, text) in TEXTS.items()},
    }
    links = {f"bin/{applet}": "busybox" for applet in applets.stdout.split()}
    folders = {str(parent) for place in (*files, *EMPTY) for parent in Path(place).parents if parent.name}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in sorted(folders.union(EMPTY)):
            add(tar, folder, 0o755)
        add(tar, "tmp", 0o1777)
        for place, (mode, data) in sorted(files.items()):
            add(tar, place, mode, data)
        for place, target in sorted(links.items()):
            if place not in files:
                add(tar, place, 0o777, link=target)
    return out.getvalue()


def add(tar: tarfile.TarFile, name: str, mode: int, data: bytes | None = None, link: str | None = None) -> None:
    """Add a file, a link, or with neither a folder, that belongs to root and has no date."""
    member = tarfile.TarInfo(name)
    member.mode = mode
    member.size = len(data or b"")
    member.type = tarfile.SYMTYPE if link else tarfile.REGTYPE if data is not None else tarfile.DIRTYPE
    member.linkname = link or ""
    tar.addfile(member, io.BytesIO(data or b""))
