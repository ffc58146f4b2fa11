"""The store where it is cut off: killed at each call to the disk, refused by it, full."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from anchorline.authority import keys, stage, survey
from anchorline.errors import StoreError
from anchorline.spec.model import Spec
from tests.unit.disk import Disk, escaping, failure, killed_at, refusing
from tests.unit.sites import NOW, declare, snapshot
from tests.unit.tools import lacking


def test_no_change_to_the_disk_escapes_the_count(tmp_path: Path) -> None:
    spec = declare(tmp_path)
    assert escaping(lambda: stage(spec, NOW).commit()) == []

    def beside() -> None:
        """The control: ways to a disk that aren't counted."""
        (tmp_path / "a").mkdir()
        (tmp_path / "b").write_text("")
        os.remove(tmp_path / "b")  # noqa: PTH107 (Path has no other name for what isn't counted)

    assert escaping(beside) == ["open", str(tmp_path / "b"), "os.remove"]


def key_of(spec: Spec, name: str) -> set[bytes]:
    """The keys of this name that a crash left decided: in place or on the way there."""
    places = (spec.pki / f"{name}-key.pem", spec.pki / ".commit" / f"{name}-key.pem")
    return {place.read_bytes() for place in places if place.exists()}


def assert_whole(spec: Spec) -> None:
    """Nothing left over, every pair fits, and the next run finds nothing to do."""
    staged = stage(spec, NOW)
    assert staged.changes == ()
    names = {path.name for path in spec.pki.iterdir()}
    expected = {f"{name}{end}" for name in ("ca", *spec.certificates) for end in (".pem", "-key.pem", ".csr")}
    assert names - {".commit", "previous"} == expected | {"ca.crt", "issued.jsonl", ".gitignore"}
    assert not [path for path in (spec.pki / ".commit").rglob("*") if path.is_file()]  # a crash ahead of rmdir
    for name in ("ca", *spec.certificates):
        certificate = x509.load_pem_x509_certificate((spec.pki / f"{name}.pem").read_bytes())
        key: Any = load_pem_private_key((spec.pki / f"{name}-key.pem").read_bytes(), None)
        assert keys.fit(key, certificate.public_key())


def test_a_first_run_killed_anywhere_is_completed_with_the_same_ca(tmp_path: Path, stride: int) -> None:
    step, decided = 1 - stride, 0
    while True:
        step += stride
        spec = declare(tmp_path / str(step))
        if not killed_at(step, lambda spec=spec: stage(spec, NOW).commit()):  # type: ignore[misc]
            break
        ca_key = key_of(spec, "ca")
        assert len(ca_key) <= 1
        looked = stage(spec, NOW)  # looking changes nothing, and finds whole pairs
        assert looked.is_new_ca is (not ca_key)
        looked.pair("server")
        stage(spec, NOW).commit()
        assert_whole(spec)
        if ca_key:
            decided += 1
            assert key_of(spec, "ca") == ca_key
    assert step > 20
    assert 5 < decided * stride < step


def test_a_renewal_killed_anywhere_never_shows_half_a_pair(tmp_path: Path, stride: int) -> None:
    """New keys: the old certificate must not be read beside the new key, nor the other way round."""
    step, states = 1 - stride, set()
    base = declare(tmp_path / "base", "one", "two")
    stage(base, NOW).commit()
    while True:
        step += stride
        folder = tmp_path / str(step)
        shutil.copytree(tmp_path / "base", folder)
        spec = declare(folder, "one", "two", key={"algo": "ed25519"})
        if not killed_at(step, lambda spec=spec: stage(spec, NOW).commit()):  # type: ignore[misc]
            break
        before = declare(folder, "one", "two")
        states.add(tuple(change.state for change in stage(spec, NOW).changes))
        for name in ("one", "two"):
            survey(before, NOW)
            stage(spec, NOW).pair(name)
        stage(spec, NOW).commit()
        assert_whole(spec)
        assert key_of(spec, "ca") == key_of(base, "ca")
    assert step > 20
    assert ("drift", "drift") in states
    assert ("unfinished", "unfinished") in states


def test_a_copy_of_an_interrupted_commit_is_as_good(tmp_path: Path) -> None:
    step = 0
    while True:
        step += 1
        spec = declare(tmp_path / f"made{step}")
        assert killed_at(step, lambda spec=spec: stage(spec, NOW).commit())  # type: ignore[misc]
        if (spec.pki / "ca-key.pem").exists() and (spec.pki / ".commit/ca-key.pem").exists():
            break
    ca_key = key_of(spec, "ca")
    shutil.copytree(spec.folder, tmp_path / "copy")
    copy = declare(tmp_path / "copy")
    stage(copy, NOW).commit()
    assert_whole(copy)
    assert key_of(copy, "ca") == ca_key


def steps(folder: Path, stride: int = 1) -> Iterator[tuple[int, Spec]]:
    """A fresh site for each step of a first run, or each so many."""
    for step in range(1, 100, stride):
        yield step, declare(folder / str(step))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("lasting", [False, True])
def test_a_disk_that_refuses_is_named_and_nothing_is_half_written(
    tmp_path: Path, code: int, lasting: bool, stride: int
) -> None:
    seen = 0
    for step, spec in steps(tmp_path, stride):
        spec.pki.parent.mkdir(parents=True)
        staged = stage(spec, NOW)
        with pytest.MonkeyPatch.context() as patch:
            Disk(patch, step, refusing(code), lasting=lasting)
            error = failure(staged)
        if error is None:
            break
        seen += stride
        assert os.strerror(code) in str(error)
        if "complete in .commit" in str(error):
            ca_key = key_of(spec, "ca")
        elif not lasting:
            ca_key = set()
            assert list(spec.pki.parent.iterdir()) == []
        else:
            ca_key = key_of(spec, "ca")
        stage(spec, NOW).commit()
        assert_whole(spec)
        assert not ca_key or key_of(spec, "ca") == ca_key
    assert seen > 20


def test_a_full_disk(tmp_path: Path) -> None:
    """A real one: a file system of 16 kilobytes."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small], check=False, capture_output=True
    )
    if mounted.returncode:
        lacking(f"a small file system is mounted here, which needs root: {mounted.stderr.decode()}")
    try:
        spec = declare(small, *(f"server{n}" for n in range(20)))
        with pytest.raises(StoreError, match=r"No space left on device.*make room"):
            stage(spec, NOW).commit()
        assert not spec.pki.exists()
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_ca_key_that_appears_at_the_last_moment_is_not_replaced(tmp_path: Path) -> None:
    spec = declare(tmp_path)
    staged = stage(spec, NOW)
    with pytest.MonkeyPatch.context() as patch:
        link = os.link

        def rival(*arguments: Any, **options: Any) -> None:
            (spec.pki / "ca-key.pem").write_text("of somebody else")
            link(*arguments, **options)

        patch.setattr(os, "link", rival)
        with pytest.raises(StoreError, match="none is ever replaced; nothing was changed"):
            staged.commit()
    assert [path.name for path in spec.pki.iterdir()] == ["ca-key.pem"]
    assert (spec.pki / "ca-key.pem").read_text() == "of somebody else"


def test_two_ca_keys_after_a_crash_are_both_kept(tmp_path: Path) -> None:
    for step, spec in steps(tmp_path):
        assert killed_at(step, lambda spec=spec: stage(spec, NOW).commit())  # type: ignore[misc]
        if (spec.pki / ".commit").is_dir():
            break
    (spec.pki / "ca-key.pem").write_text("of somebody else")
    (spec.pki / "ca-key.pem").chmod(0o600)
    before = snapshot(spec.folder)
    with pytest.raises(StoreError, match="is another one; keep the right one"):
        stage(spec, NOW).commit()
    assert snapshot(spec.folder) == before


def test_an_unfinished_commit_is_told(tmp_path: Path) -> None:
    for step, spec in steps(tmp_path):
        assert killed_at(step, lambda spec=spec: stage(spec, NOW).commit())  # type: ignore[misc]
        if (spec.pki / ".commit").is_dir():
            break
    before = snapshot(spec.folder)
    staged = stage(spec, NOW)
    assert [(change.name, change.state) for change in staged.changes] == [
        ("ca", "unfinished"),
        ("server", "unfinished"),
    ]
    assert not staged.is_new_ca
    assert snapshot(spec.folder) == before
