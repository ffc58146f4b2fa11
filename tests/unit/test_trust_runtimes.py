from __future__ import annotations

import tomllib

import pytest

from anchorline.fleet.scripts import source
from anchorline.trust.stores.runtimes import RUNTIMES

ANCHORS = [("anchorline-blue-111111111111.crt", "PEM 1\n"), ("anchorline-blue-222222222222.crt", "PEM 2\n")]
NAMES = ["registry.example.com:5000", "[2001:db8::1]:5000"]


def test_each_name_gets_a_folder_with_each_anchor() -> None:
    row = RUNTIMES["docker"]
    files = {file.path: file.content for file in row.files(row.folder, "blue", NAMES, ANCHORS)}
    assert files == {f"/etc/docker/certs.d/{name}/{anchor}": pem for name in NAMES for anchor, pem in ANCHORS}
    # containers-certs.d(5) and Docker take *.crt as CAs, and *.cert as a client's
    assert all(path.endswith(".crt") for path in files)


def test_containerd_is_told_the_anchors_by_name() -> None:
    row = RUNTIMES["containerd"]
    files = {file.path: file.content for file in row.files(row.folder, "blue", NAMES, ANCHORS)}
    for name in NAMES:
        folder = f"/etc/containerd/certs.d/{name}"
        text = files.pop(f"{folder}/hosts.toml")
        assert text.startswith("# anchorline blue\n"), "the probe tells our files by this line"
        # a `ca` outside of [host] would be passed over (containerd#13212)
        assert tomllib.loads(text) == {
            "server": f"https://{name}",
            "host": {
                f"https://{name}": {
                    "capabilities": ["pull", "resolve", "push"],
                    "ca": [f"{folder}/{anchor}" for anchor, _ in ANCHORS],
                }
            },
        }
    assert len(files) == len(NAMES) * len(ANCHORS)


def test_every_file_is_readable_for_users_without_root() -> None:
    files = [file for row in RUNTIMES.values() for file in row.files(row.folder, "blue", NAMES, ANCHORS)]
    assert {file.mode for file in files} == {"644"}


def test_no_name_or_no_anchor_no_file() -> None:
    for runtime in RUNTIMES.values():
        assert runtime.files(runtime.folder, "blue", [], ANCHORS) == []


@pytest.mark.parametrize("name", [each.name for each in RUNTIMES.values() if not each.store])
def test_a_runtime_has_its_verbs(name: str) -> None:
    """What verifies a store that has a name of its own; the others go by that of their store."""
    text = source("verify/round_trip.sh")
    assert [verb for verb in ("push", "pull") if f"\n{verb}_{name}() {{\n" not in text] == []
