from __future__ import annotations

import io
import json
import tarfile
from hashlib import sha256
from typing import Any

from anchorline.verify.image import archive

REFERENCE = "registry.example.com:5000/anchorline/verify:blue-all"


def members(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        files = [(member.name, opened.extractfile(member)) for member in opened]
        return {name: file.read() for name, file in files if file}


def digest_of(tar: bytes) -> str:
    digest: str = json.loads(members(tar)["index.json"])["manifests"][0]["digest"]
    return digest


def test_the_same_words_make_the_same_image() -> None:
    assert archive(REFERENCE, "blue all\n") == archive(REFERENCE, "blue all\n")


def test_other_words_make_another_image_and_another_name_does_not() -> None:
    digest = digest_of(archive(REFERENCE, "blue one\n"))
    assert digest != digest_of(archive(REFERENCE, "blue two\n"))
    assert digest == digest_of(archive("192.0.2.10/other:tag", "blue one\n"))


def test_it_is_an_oci_layout() -> None:
    """OCI image-layout and image-spec 1.0: each descriptor's size and digest are those of a blob that is there."""
    files = members(archive(REFERENCE, "blue all\n"))
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}

    def follow(descriptor: dict[str, Any]) -> bytes:
        algorithm, _, digest = descriptor["digest"].partition(":")
        blob = files[f"blobs/{algorithm}/{digest}"]
        assert (len(blob), sha256(blob).hexdigest()) == (descriptor["size"], digest)
        return blob

    [entry] = json.loads(files["index.json"])["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == REFERENCE
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == "blue-all"
    manifest = json.loads(follow(entry))
    configuration = json.loads(follow(manifest["config"]))
    assert configuration["architecture"] == entry["platform"]["architecture"]
    layers = [follow(layer) for layer in manifest["layers"]]
    assert [f"sha256:{sha256(layer).hexdigest()}" for layer in layers] == configuration["rootfs"]["diff_ids"]
    assert members(layers[0]) == {"anchorline": b"blue all\n"}


def test_it_is_a_docker_archive() -> None:
    files = members(archive(REFERENCE, "blue all\n"))
    [entry] = json.loads(files["manifest.json"])
    assert entry["RepoTags"] == [REFERENCE]
    assert json.loads(files[entry["Config"]])["os"] == "linux"
    assert all(layer in files for layer in entry["Layers"])
