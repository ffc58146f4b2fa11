"""The folder: what is refused, two runs at once."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from anchorline.authority import keys, stage, survey
from anchorline.authority.store import Contents, Store
from anchorline.errors import AuthorityError, StoreError
from anchorline.spec.model import Key, Renewal, Spec
from tests.unit.sites import NOW, declare, snapshot
from tests.unit.tools import as_root

LATER = NOW + timedelta(days=80)  # when the certificates are due


def kept(spec: Spec) -> Spec:
    """The same, where a renewal keeps the key."""
    return spec.model_copy(update={"renewal": Renewal(rekey=False)})


def test_the_files_and_their_modes(spec: Spec) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in spec.pki.iterdir()}
    assert modes == {
        "ca.pem": 0o644,
        "ca.csr": 0o644,
        "ca.crt": 0o644,
        "ca-key.pem": 0o600,
        "server.pem": 0o644,
        "server.csr": 0o644,
        "server-key.pem": 0o600,
        "issued.jsonl": 0o644,
        ".gitignore": 0o644,
    }
    assert stat.S_IMODE(spec.pki.stat().st_mode) == 0o700


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_umask_changes_no_mode(tmp_path: Path, umask: int) -> None:
    old = os.umask(umask)
    try:
        test_the_files_and_their_modes(_first_run(tmp_path))
    finally:
        os.umask(old)


def _first_run(folder: Path) -> Spec:
    spec = declare(folder)
    stage(spec, NOW).commit()
    return spec


def test_pki_may_be_a_link_to_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pki").symlink_to("elsewhere")
    spec = _first_run(tmp_path)
    assert (tmp_path / "elsewhere/test/ca.pem").is_file()
    assert stage(spec, NOW).changes == ()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:150])


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(500))


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def missing(path: Path) -> None:
    path.unlink()


def huge(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n" * (1 << 20))


def readable(path: Path) -> None:
    path.chmod(0o644)


def group_readable(path: Path) -> None:
    path.chmod(0o640)


def foreign(path: Path) -> None:
    os.chown(path, 65534, -1)


def other_key(path: Path) -> None:
    path.write_bytes(keys.write(keys.generate(Key())))


def other_kind_of_key(path: Path) -> None:
    path.write_bytes(keys.write(keys.generate(Key(algo="ed25519"))))


def leaf(path: Path) -> None:
    shutil.copyfile(path.with_name("server.pem"), path)


@pytest.mark.parametrize("file", ["ca.pem", "server.pem"])
@pytest.mark.parametrize("damage", [empty, half, garbage, directory, pipe, huge])
def test_a_damaged_certificate_is_refused_and_left_alone(spec: Spec, file: str, damage: Callable[[Path], None]) -> None:
    refused(spec, spec.pki / file, damage, NOW)


@pytest.mark.parametrize("file", ["ca-key.pem", "server-key.pem"])
@pytest.mark.parametrize("damage", [readable, group_readable, directory, pipe, pytest.param(foreign, marks=as_root)])
def test_a_key_in_reach_of_others_is_refused_on_every_run(
    spec: Spec, file: str, damage: Callable[[Path], None]
) -> None:
    problem = refused(spec, spec.pki / file, damage, NOW)
    assert isinstance(problem, StoreError)
    if damage in (readable, group_readable):
        assert f"chmod 600 {spec.pki / file}" in str(problem)
    if damage is foreign:
        assert f"chown 0 {spec.pki / file}" in str(problem)


@pytest.mark.parametrize("file", ["ca-key.pem", "server-key.pem"])
@pytest.mark.parametrize("damage", [empty, half, garbage, missing, huge, other_key, other_kind_of_key])
def test_a_damaged_key_is_refused_where_it_is_needed(spec: Spec, file: str, damage: Callable[[Path], None]) -> None:
    refused(kept(spec), spec.pki / file, damage, LATER)


@pytest.mark.parametrize("damage", [empty, half, garbage, missing, other_key])
def test_a_damaged_key_is_not_handed_to_a_server(spec: Spec, damage: Callable[[Path], None]) -> None:
    damage(spec.pki / "server-key.pem")
    before = snapshot(spec.folder)
    with pytest.raises(AuthorityError, match=r"server-key\.pem"):
        stage(spec, NOW).pair("server")
    assert snapshot(spec.folder) == before


def test_a_key_without_its_certificate_is_refused(spec: Spec) -> None:
    for file in ("server.pem", "ca.pem"):
        assert "is here" in str(refused(spec, spec.pki / file, missing, NOW))


def test_a_lost_ca_is_not_made_anew(spec: Spec) -> None:
    (spec.pki / "ca-key.pem").unlink()
    assert "restore it from a backup" in str(refused(spec, spec.pki / "ca.pem", missing, NOW))


def test_a_leaf_in_place_of_the_ca_is_refused(spec: Spec) -> None:
    assert "is not a CA certificate" in str(refused(spec, spec.pki / "ca.pem", leaf, NOW))


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    spec = declare(tmp_path)
    spec.pki.parent.mkdir()
    spec.pki.write_text("")
    refused(spec, spec.pki, lambda _: None, NOW)


def refused(spec: Spec, path: Path, damage: Callable[[Path], None], now: datetime) -> AuthorityError:
    """A run with this damage raises an error that names the file, and leaves everything as it was."""
    damage(path)
    before = snapshot(spec.folder)
    with pytest.raises(AuthorityError) as caught:
        stage(spec, now).commit()
    assert str(path) in str(caught.value)
    assert "PRIVATE KEY" not in str(caught.value)
    assert snapshot(spec.folder) == before
    if path != spec.pki:
        assert len(survey(spec, now).statuses) == 2  # looking is still possible
    return caught.value


def test_git_keeps_no_mode_so_an_encrypted_key_may_be_read(tmp_path: Path) -> None:
    spec = declare(tmp_path)
    stage(spec, NOW, passphrase="secret").commit()
    for file in ("ca-key.pem", "server-key.pem"):
        (spec.pki / file).chmod(0o644)
    assert stage(spec, NOW, passphrase="secret").pair("server")
    (spec.pki / "ca-key.pem").chmod(0o666)
    with pytest.raises(StoreError, match="mode 0666"):
        stage(spec, NOW)


def test_the_disk_is_compared_with_what_was_staged_from(spec: Spec) -> None:
    staged = stage(spec, LATER)
    (spec.pki / "server.csr").write_text("edited")
    before = snapshot(spec.folder)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"server\.csr changed since it was read; run again"):
            staged.commit()
    assert snapshot(spec.folder) == before


def test_of_two_first_runs_one_makes_the_ca(tmp_path: Path) -> None:
    spec = declare(tmp_path)
    one, two = stage(spec, NOW), stage(spec, NOW)
    one.commit()
    before = snapshot(spec.folder)
    with pytest.raises(StoreError, match="changed since it was read"):
        two.commit()
    assert snapshot(spec.folder) == before


@pytest.mark.parametrize("held", [fcntl.LOCK_EX, fcntl.LOCK_SH])
def test_a_folder_that_another_run_holds_is_left_alone(spec: Spec, held: int) -> None:
    staged = stage(spec, LATER)
    descriptor = os.open(spec.pki, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, held)
        with pytest.raises(StoreError, match="another run holds it"):
            staged.commit()
        if held == fcntl.LOCK_SH:
            assert stage(spec, LATER).changes
        else:
            with pytest.raises(StoreError, match="another run holds it"):
                stage(spec, LATER)
    finally:
        os.close(descriptor)


RUN = """
import sys
from pathlib import Path
from anchorline.authority import stage
from anchorline.errors import StoreError
from anchorline.spec.model import Spec
spec = Spec.model_validate_json(sys.argv[1]).model_copy(update={"file": Path(sys.argv[2], "anchorline.yml")})
sys.stdin.read()
try:
    staged = stage(spec)
    staged.commit()
    print(staged.fingerprint)
except StoreError as error:
    print("refused:", error)
"""


def test_a_folder_that_another_run_took_up_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, held = Store(tmp_path / "site"), []
    mkdir = Path.mkdir

    def meanwhile(path: Path, *arguments: Any, **options: Any) -> None:
        mkdir(path, *arguments, **options)
        held.append(os.open(path, os.O_RDONLY))
        fcntl.flock(held[0], fcntl.LOCK_EX)

    monkeypatch.setattr(Path, "mkdir", meanwhile)
    try:
        with pytest.raises(StoreError, match="another run holds it"):
            store.commit({"a.pem": b"a"}, Contents(), ["a"])
        assert store.folder.is_dir()
    finally:
        os.close(held[0])


def test_a_folder_that_another_run_removed_meanwhile_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, flock = Store(tmp_path / "site"), fcntl.flock

    def meanwhile(descriptor: int, how: int) -> None:
        if store.folder.exists():
            store.folder.rmdir()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    with pytest.raises(StoreError, match="changed since it was read; run again"):
        store.commit({"a.pem": b"a"}, Contents(), ["a"])


def test_processes_at_once_end_with_one_ca(tmp_path: Path) -> None:
    spec = declare(tmp_path, *(f"server{n}" for n in range(50)))
    command = [sys.executable, "-c", RUN, spec.model_dump_json(), str(tmp_path)]
    runs = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for run in runs:
        assert run.stdin is not None
        run.stdin.close()
    said = [run.stdout.read().strip() for run in runs if run.stdout]
    assert [run.wait() for run in runs] == [0] * 4
    final = stage(spec)
    assert final.changes == ()
    for line in said:
        assert line == final.fingerprint or "another run holds it" in line or "changed since it was read" in line
    assert final.fingerprint in said
