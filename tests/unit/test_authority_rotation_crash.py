"""Renewal, rotation and what follows, cut off: killed at each call to the disk, full at each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from anchorline.authority import issued, stage, survey
from anchorline.authority.certificates import fingerprint
from anchorline.authority.generations import promote, retire, rotate
from anchorline.authority.layout import NEXT_CA, PREVIOUS_CA
from anchorline.spec.model import Spec
from tests.unit.disk import contents, escaping, full_at_each_call, killed_at
from tests.unit.sites import NOW, assert_pairs, ca_keys, declare, pem

DAY = timedelta(days=1)


WORKS: dict[str, Callable[[Spec], None]] = {
    "renew": lambda spec: stage(spec, NOW, only=["server"], asked={"server": False}).commit(),
    "rekey": lambda spec: stage(spec, NOW, only=["server"], asked={"server": True}).commit(),
    "rotate": lambda spec: rotate(spec, NOW).commit(),
    "promote": lambda spec: promote(spec, NOW).commit(),
    "retire": lambda spec: retire(spec, fingerprint(pem(spec, "previous/ca"))),
}
BEFORE = {"promote": ["rotate"], "retire": ["rotate", "promote"]}


def done(spec: Spec, work: str, before: dict[str, bytes]) -> bool:
    """Whether the work is done as far as a reader sees."""
    found = survey(spec, NOW)
    match work:
        case "rotate":
            return NEXT_CA in found.generations
        case "promote":
            return PREVIOUS_CA in found.generations
        case "retire":
            return PREVIOUS_CA not in found.generations
        case _:
            return found.contents.certificates["server.pem"] != before["server.pem"]


def site_before(work: str, folder: Path) -> Spec:
    """A site in which this work is what comes next."""
    spec = declare(folder)
    stage(spec, NOW).commit()
    for each in BEFORE.get(work, []):
        WORKS[each](spec)
    return spec


def complete(spec: Spec, work: str, before: dict[str, bytes]) -> bool:
    """Have the next run go on from where this work broke off. Tells whether it was done, as far as a reader saw."""
    stage(spec, NOW).pair("server")  # looking finds whole pairs
    if not (decided := done(spec, work, before)):
        WORKS[work](spec)
    else:
        stage(spec, NOW, only=["server"], asked={"server": False}).commit()  # any next commit completes it
    assert done(spec, work, before)
    assert not [path for path in spec.pki.rglob("*") if ".commit" in path.parts or ".draft" in path.parts]
    assert_pairs(spec)
    assert stage(spec, NOW).changes == ()
    assert {fingerprint(pem(spec, name)) for name in ("ca", "server")} <= issued.known(
        (spec.pki / "issued.jsonl").read_text()
    )
    return decided


# those that go over several folders make twice as many calls
TRIED = [each if each in ("renew", "rotate") else pytest.param(each, marks=pytest.mark.drill) for each in WORKS]


@pytest.mark.parametrize("work", TRIED)
def test_killed_at_every_call_to_the_disk(tmp_path: Path, work: str, stride: int) -> None:
    base = site_before(work, tmp_path / "base")
    before, there = contents(base.pki), ca_keys(base)
    step, outcomes = 1 - stride, set()
    while True:
        step += stride
        shutil.copytree(base.folder, tmp_path / str(step))
        spec = declare(tmp_path / str(step))
        if not killed_at(step, partial(WORKS[work], spec)):
            break
        assert there <= ca_keys(spec), "no key is lost"
        outcomes.add(complete(spec, work, before))
        assert there <= ca_keys(spec)
    assert step > 15
    assert outcomes == {True, False}


@pytest.mark.parametrize("work", WORKS)
def test_no_call_of_it_escapes_the_count(tmp_path: Path, work: str) -> None:
    spec = site_before(work, tmp_path)
    assert escaping(partial(WORKS[work], spec)) == []


@pytest.mark.parametrize("work", TRIED)
def test_a_disk_that_is_full_at_each_call(tmp_path: Path, work: str, stride: int) -> None:
    base = site_before(work, tmp_path / "base")
    before, there, seen, outcomes = contents(base.pki), ca_keys(base), 0, set()
    for site, error in full_at_each_call(base.folder, tmp_path, WORKS[work], stride):
        assert there <= ca_keys(site)
        if error:  # a certificate that can't be read is no matter to a work that doesn't need it
            outcomes.add(complete(site, work, before))
            assert there <= ca_keys(site)
            seen += stride
    assert seen > 15
    assert outcomes == {True, False}
