"""The folder: what is refused, what a crash leaves, two runs at once."""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from anchorline.authority import Staged, keys, stage, survey
from anchorline.authority.store import Contents, Store
from anchorline.errors import AuthorityError, StoreError
from anchorline.spec.model import Key, Renewal, Spec

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=80)  # when the certificates are due
REQUEST = {"profile": "server", "CN": "a.example.com", "hosts": ["a.example.com"]}


def declare(folder: Path, *names: str, key: dict[str, Any] | None = None, expiry: str = "90d") -> Spec:
    request = REQUEST | ({"key": key} if key else {})
    return Spec.model_validate(
        {
            "version": 1,
            "site": "test",
            "authority": {"CN": "Fleet CA"},
            "signing": {"profiles": {"server": {"expiry": expiry, "usages": ["signing", "server auth"]}}},
            "certificates": dict.fromkeys(names or ("server",), request),
        }
    ).model_copy(update={"folder": folder})


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    """A site after its first run."""
    spec = declare(tmp_path)
    stage(spec, NOW).commit()
    return spec


def kept(spec: Spec) -> Spec:
    """The same, where a renewal keeps the key."""
    return spec.model_copy(update={"renewal": Renewal(rekey=False)})


def snapshot(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Everything about a folder that a run could change."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path)] = (status.st_mode, status.st_uid, status.st_mtime_ns, status.st_ino, content)
    return found


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


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


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
        assert len(survey(spec, now).standings) == 2  # looking is still possible
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
spec = Spec.model_validate_json(sys.argv[1]).model_copy(update={"folder": Path(sys.argv[2])})
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


class Disk:
    """Counts the calls that change something, and does something at the one that was chosen."""

    CALLS = ("open", "write", "fchmod", "fsync", "mkdir", "rename", "replace", "link", "unlink", "rmdir")

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        at: int,
        then: Callable[[str], None],
        *,
        lasting: bool = False,
        each: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.count, self.at, self.then, self.lasting, self.each = 0, at, then, lasting, each
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self._counting(name, getattr(os, name)))

    def _counting(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            self.each(name)
            if self.count == self.at or (self.lasting and self.count > self.at):
                self.then(name)
            return call(*arguments, **options)

        return counted


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Do the work in a child that is killed ahead of its n-th call to the disk. False: it had ended before."""
    child = os.fork()
    if child == 0:
        try:
            with pytest.MonkeyPatch.context() as patch:
                Disk(patch, step, lambda _: os.kill(os.getpid(), signal.SIGKILL))
                work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def full_at_each_call(
    base: Path, folder: Path, work: Callable[[Spec], object], declared: Callable[[Path], Spec] | None = None
) -> Iterator[tuple[Spec, AuthorityError | None]]:
    """A copy of a site for each call to the disk that ``work`` makes, in which it met a full disk at that call; and
    what it said. Where it doesn't say that its files are decided, everything is as it was."""
    for step in itertools.count(1):
        shutil.copytree(base, folder / str(step))
        spec = (declared or declare)(folder / str(step))
        before, error = contents(spec.folder), None
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(patch, step, refusing(errno.ENOSPC))
            try:
                work(spec)
            except AuthorityError as refused:
                error = refused
        if disk.count < step:
            return
        if error:
            assert "No space left on device" in str(error)
            decided = "complete in .commit, and the next run puts them in place" in str(error)
            assert decided or contents(spec.folder) == before, str(error)
            assert not decided or "nothing was changed" not in str(error)
        yield spec, error


def escaping(work: Callable[[], object]) -> list[str]:
    """What the work changes on the disk, as Python's own audit events tell (PEP 578), beyond what Disk counts. In a
    child, for nobody can take an audit hook away again."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told: dict[str, int] = {}
        escaped: list[str] = []

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event in AUDITED:
                told[event] = told.get(event, 0) + 1
            elif event == "open" and set(str(arguments[1] or "")) & set("wax+"):
                escaped.append(f"open {arguments[0]}")

        try:
            with pytest.MonkeyPatch.context() as patch:
                counted: list[str] = []
                Disk(patch, 0, lambda _: None, each=counted.append)
                sys.addaudithook(hook)
                work()
            for event, names in AUDITED.items():
                if told.get(event, 0) != sum(map(counted.count, names)):
                    escaped.append(event)
            os.write(writing, " ".join([*escaped, f"({len(counted)} counted)"]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        words = said.read()
    os.waitpid(child, 0)
    assert "counted)" in words, "the work broke off"
    assert "(0 counted)" not in words
    return words.split()[:-2]


AUDITED = {
    "os.rename": ("rename", "replace"),
    "os.link": ("link",),
    "os.remove": ("unlink",),
    "os.mkdir": ("mkdir",),
    "os.rmdir": ("rmdir",),
    "os.chmod": ("fchmod",),
}


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


def test_a_first_run_killed_anywhere_is_completed_with_the_same_ca(tmp_path: Path) -> None:
    step, decided = 0, 0
    while True:
        step += 1
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
    assert 5 < decided < step


def test_a_renewal_killed_anywhere_never_shows_half_a_pair(tmp_path: Path) -> None:
    """New keys: the old certificate must not be read beside the new key, nor the other way round."""
    step, states = 0, set()
    base = declare(tmp_path / "base", "one", "two")
    stage(base, NOW).commit()
    while True:
        step += 1
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


def steps(folder: Path) -> Iterator[tuple[int, Spec]]:
    """A fresh site for each step of a first run."""
    for step in range(1, 100):
        yield step, declare(folder / str(step))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("lasting", [False, True])
def test_a_disk_that_refuses_is_named_and_nothing_is_half_written(tmp_path: Path, code: int, lasting: bool) -> None:
    seen = 0
    for step, spec in steps(tmp_path):
        spec.pki.parent.mkdir(parents=True)
        staged = stage(spec, NOW)
        with pytest.MonkeyPatch.context() as patch:
            Disk(patch, step, refusing(code), lasting=lasting)
            error = failure(staged)
        if error is None:
            break
        seen += 1
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


def refusing(code: int) -> Callable[[str], None]:
    def refuse(name: str) -> None:
        raise OSError(code, os.strerror(code), f"<{name}>")

    return refuse


def failure(staged: Staged) -> StoreError | None:
    try:
        staged.commit()
    except StoreError as error:
        return error
    return None


def test_a_full_disk(tmp_path: Path) -> None:
    """A real one: a file system of 16 kilobytes."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs root and mount")
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
