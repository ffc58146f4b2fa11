"""The control of the drill that compares two versions: what differs is found, and what no two runs share is not."""

from __future__ import annotations

import pytest

from tests.recorded import Masks, differences

BEFORE = {"deploy: exit code": ["0"], "deploy: debian": ["f 644 root:root etc/hosts", "etc/hosts: 127.0.0.1 localhost"]}


def test_the_same_is_the_same() -> None:
    assert differences(BEFORE, {**BEFORE}) == []


@pytest.mark.parametrize(
    ("record", "lines", "found"),
    [
        ("deploy: exit code", ["1"], ["deploy: exit code: - 0", "deploy: exit code: + 1"]),
        ("deploy: debian", BEFORE["deploy: debian"][:1], ["deploy: debian: - etc/hosts: 127.0.0.1 localhost"]),
        ("deploy: debian", [*BEFORE["deploy: debian"], "--- x"], ["deploy: debian: + --- x"]),
        ("deploy: debian12", [], ["deploy: debian12: stands in one of them alone"]),
    ],
)
def test_what_differs_is_found(record: str, lines: list[str], found: list[str]) -> None:
    assert differences(BEFORE, {**BEFORE, record: lines}) == found


def test_masks() -> None:
    masks = Masks({r"\bproved\b": "verified"})
    masks.word("/tmp/somewhere/site", "<site>")
    said = "/tmp/somewhere/site at 2026-11-28 12:26 UTC: proved in 1.25 s, 74 GiB free, 5 hosts, mode 644"
    assert masks.text(said) == "<site> at <time>: proved in <duration>, <size> free, 5 hosts, mode 644"


def test_only_what_is_made_once_has_its_digest_masked() -> None:
    digest = "ab" * 32
    masks = Masks({r"\bproved\b": "verified"})
    assert masks.file("var/lib/anchorline/sites/s/registry/secret", digest.encode()) == ["<digest>"]
    for name in ("verified", "registry/started", "anchors"):
        assert masks.file(f"var/lib/anchorline/sites/s/{name}", digest.encode()) == [digest]
