"""The image that is pushed and pulled: made on the spot, of a few bytes, always the same for the same words. Pure.

Nothing comes from a hub. The archive is both an OCI image layout (OCI image-layout 1.0) and what ``docker load``
has always taken, since Docker, Podman and containerd each read one of the two.
"""

from __future__ import annotations

import io
import json
import tarfile
from hashlib import sha256

ARCHITECTURE = "amd64"
"""An image must name one. This one is never run, so that every client takes it."""

_LAYER = "application/vnd.oci.image.layer.v1.tar"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def archive(reference: str, words: str) -> bytes:
    """A tar that holds one image named ``reference`` with one file in it, the words."""
    layer = _tar({"anchorline": words.encode()})
    config = _json(
        {
            "architecture": ARCHITECTURE,
            "os": "linux",
            "config": {"Labels": {"org.opencontainers.image.title": "anchorline verify"}},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            # registry 2 answers 400 to a client that asks for another manifest type than the stored one, unless it can
            # make a schema 1 manifest of it, and for that it wants a history
            "history": [{"created_by": "anchorline verify"}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, layer)],
        }
    )
    index = _json(
        {
            "schemaVersion": 2,
            "manifests": [
                _descriptor(_MANIFEST, manifest)
                | {
                    "platform": {"architecture": ARCHITECTURE, "os": "linux"},
                    "annotations": {
                        "io.containerd.image.name": reference,
                        "org.opencontainers.image.ref.name": reference.rpartition(":")[2],
                    },
                }
            ],
        }
    )
    docker = [{"Config": _path(config), "RepoTags": [reference], "Layers": [_path(layer)]}]
    return _tar(
        {
            "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
            "index.json": index,
            "manifest.json": _json(docker),
            **{_path(blob): blob for blob in (layer, config, manifest)},
        }
    )


def _digest(blob: bytes) -> str:
    return f"sha256:{sha256(blob).hexdigest()}"


def _path(blob: bytes) -> str:
    return f"blobs/sha256/{sha256(blob).hexdigest()}"


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()
