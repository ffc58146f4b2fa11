"""The table by which an exported script decides: `difference` is asked about one thing each, and the shell puts the
answers together."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from anchorline.authority import stage
from anchorline.fleet.scripts import File
from anchorline.spec import load
from anchorline.trust import decisions, plan
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust
from anchorline.trust.plan import difference
from anchorline.trust.stores.families import FAMILIES
from tests.unit.blue import SPEC

FAMILY = replace(FAMILIES[0], update="make", repair="repair")
ANCHOR = tuple(product(("same", "other", "none"), ("bundled", "-"), ("unhashed", "-"), ("elsewhere", "")))


@pytest.fixture
def wanted(tmp_path: Path) -> DesiredTrust:
    """Two CAs, and a registry."""
    (tmp_path / "other.yml").write_text("version: 1\nsite: other\nauthority: {CN: Another CA}\n")
    (tmp_path / "other.pem").write_text(stage(load(tmp_path / "other.yml")).anchors[0].pem)
    (tmp_path / "anchorline.yml").write_text(SPEC + "trust: {also: [other.pem]}\n")
    spec = load(tmp_path / "anchorline.yml")
    return DesiredTrust.of(spec, stage(spec))


def table(wanted: DesiredTrust) -> dict[str, dict[str, str]]:
    """The decision for each thing that may be seen, as the shell reads it."""
    rows = [
        (what, dict(word.split("=", 1) for word in shlex.split(decision)))
        for patterns, decision in decisions.decisions(wanted).items()
        for what in re.findall("'([^']*)'", patterns)
    ]
    assert len(dict(rows)) == len(rows), "each thing once"
    return dict(rows)


def test_all_that_may_be_seen_is_decided(wanted: DesiredTrust) -> None:
    stores = ("docker", "docker-snap", "podman", "buildah", "containerd")
    assert set(table(wanted)) == {
        *(f"anchor {' '.join(each)}" for each in ANCHOR),
        *(f"store {store} {place}" for store in stores for place in decisions.PLACES),
        *("hosts same", "hosts other", "memory whole", "memory lacks"),
    }


def test_two_anchors_are_decided_as_each_alone(wanted: DesiredTrust) -> None:
    """What the shell makes of the answers is what `difference` says of both: a repair for one is done for all."""
    made, system = table(wanted), replace(wanted, stores=("system",), marker=(), hosts_line="")
    for seen in product(ANCHOR, ANCHOR):
        each = list(zip(wanted.anchors, seen, strict=True))
        files = {
            FAMILY.path(anchor.name): File("", anchor.pem).sha256 if place == "same" else "0" * 64
            for anchor, (place, *_) in each
            if place != "none"
        }
        has = ObservedTrust(
            (),
            FAMILY,
            bundled=frozenset(anchor.name for anchor, (_, bundled, *_) in each if bundled != "-"),
            unhashed=frozenset(anchor.name for anchor, (_, _, unhashed, _) in each if unhashed != "-"),
            elsewhere={anchor.name: "/theirs" for anchor, (*_, elsewhere) in each if elsewhere},
            files=files,
        )
        rows = [made[f"anchor {' '.join(one)}"] for one in seen]
        due = max((row for row in rows if row["due"]), key=lambda row: row["due"] == "repair", default=rows[0])
        change = difference(has, system)
        put = [FAMILY.path(anchor.name) for (anchor, _), row in zip(each, rows, strict=True) if row["put"]]
        assert [file.path for file in change.files] == put
        assert (change.update, "".join(change.what)) == (due["due"], due["says"]), seen


def test_whoever_changes_difference_changes_the_table(wanted: DesiredTrust, monkeypatch: pytest.MonkeyPatch) -> None:
    before = table(wanted)
    monkeypatch.setattr(plan, "to_put", lambda _, wanted: list(wanted.anchors))
    changed = {what for what, decision in table(wanted).items() if decision != before[what]}
    assert "anchor none bundled - elsewhere" in changed, "a CA of others is doubled now"
    assert all(what.endswith("elsewhere") for what in changed)
