"""The site's folder as a whole: nobody else can write to it, has made a part of it, or can put another in its place."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from anchorline.authority import issued, owners, sightings, stage, survey
from anchorline.authority.custody import unguarded
from anchorline.authority.export import exported
from anchorline.authority.store import Contents, Store
from anchorline.errors import AuthorityError, StoreError
from anchorline.spec.model import Spec
from tests.unit.sites import NOW, declare, snapshot
from tests.unit.tools import as_root

STRANGER = 65534
Damage = Callable[[Path], None]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder whose name a shell would take apart."""
    folder = tmp_path / "a site"
    folder.mkdir()
    return folder


@pytest.fixture
def site(here: Path) -> Spec:
    spec = declare(here)
    stage(spec, NOW).commit()
    return spec


@pytest.fixture
def other(tmp_path: Path) -> Spec:
    """Somebody else's CA."""
    (tmp_path / "other").mkdir()
    spec = declare(tmp_path / "other")
    stage(spec, NOW).commit()
    return spec


def open_to_all(path: Path) -> None:
    path.chmod(path.stat().st_mode | 0o022)


def of_a_stranger(path: Path) -> None:
    os.lchown(path, STRANGER, STRANGER)


def refusal(spec: Spec) -> StoreError:
    """What a run says; it has changed nothing."""
    before = snapshot(spec.folder)
    with pytest.raises(AuthorityError) as caught:
        stage(spec, NOW).commit()
    assert snapshot(spec.folder) == before
    assert isinstance(caught.value, StoreError), caught.value
    return caught.value


def mended(spec: Spec, error: StoreError, *, pastes: int = 1) -> None:
    """The commands that it says, run by a shell, end it; and so do those of the next error, ``pastes`` times."""
    if pastes > 1:
        _paste(error)
        error = refusal(spec)
    _paste(error)
    assert stage(spec, NOW).changes == ()


def _paste(error: StoreError) -> None:
    for problem in error.problems:
        assert problem.place.file.is_absolute()
        subprocess.run(["sh", "-euc", problem.fix], check=True, env={"PATH": os.environ["PATH"]})


@pytest.mark.parametrize("damage", [open_to_all, pytest.param(of_a_stranger, marks=as_root)])
@pytest.mark.parametrize(
    "part", [".", "ca.pem", "server.pem", "issued.jsonl", "previous", "retired", "retired/old", ".draft", "own"]
)
def test_a_part_that_others_can_write_stops_a_run_until_it_is_mended(site: Spec, part: str, damage: Damage) -> None:
    path = site.pki / part
    if not path.exists():
        path.mkdir(0o755, parents=True)
    assert stage(site, NOW).changes == (), "or this proves nothing"
    damage(path)
    if part == "issued.jsonl":  # read where something is issued
        (site.pki / "server.pem").unlink()
        for each in (site.pki / "server-key.pem", site.pki / "server.csr"):
            each.unlink()
    error = refusal(site)
    assert str(path) in str(error)
    if part != "issued.jsonl":
        mended(site, error)


@as_root
@pytest.mark.parametrize("mode", [0o700, 0o777])
def test_a_commit_that_a_stranger_made_is_never_finished(site: Spec, other: Spec, mode: int) -> None:
    """The attack: it had the stranger's CA handed out."""
    ours = exported(site, None, "pem")
    commit = site.pki / ".commit"
    commit.mkdir()
    shutil.copy(other.pki / "ca.pem", commit)
    for each in (commit / "ca.pem", commit):
        of_a_stranger(each)
    site.pki.chmod(mode)
    with pytest.raises(
        StoreError, match=r"other users can write" if mode == 0o777 else r"\.commit: it belongs to another"
    ):
        exported(site, None, "pem")
    if mode == 0o777:
        site.pki.chmod(0o700)
    mended(site, refusal(site))
    assert exported(site, None, "pem") == ours
    assert (site.pki.parent / "test-commit-moved-away/ca.pem").is_file()


@as_root
def test_a_file_of_a_stranger_in_a_commit_of_ours_stops_it(site: Spec, other: Spec) -> None:
    commit = site.pki / ".commit"
    commit.mkdir(0o700)
    shutil.copy(other.pki / "ca.pem", commit)
    of_a_stranger(commit / "ca.pem")
    assert ".commit/ca.pem: it belongs to another user (uid 65534)" in str(refusal(site))


def pipe(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path is short
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


def device(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o644, os.makedev(1, 5))  # /dev/zero


def folder(path: Path) -> None:
    path.mkdir()


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


KINDS = [pipe, unix_socket, pytest.param(device, marks=as_root)]


@pytest.mark.parametrize("put", [*KINDS, dangling, Path.touch])
@pytest.mark.parametrize("name", [".draft", ".commit", "next", "previous", "retired"])
def test_what_is_no_folder_in_a_folders_place_is_moved_away(site: Spec, name: str, put: Damage) -> None:
    put(site.pki / name)
    error = refusal(site)
    assert f"{name}: this is " in str(error)
    mended(site, error)


@pytest.mark.parametrize("name", [".draft", ".commit", "next", "previous", "retired"])
def test_a_folder_of_the_store_is_no_link(site: Spec, other: Spec, name: str) -> None:
    (site.pki / name).symlink_to(other.pki)
    error = refusal(site)
    assert f"{name}: this is a link" in str(error)
    mended(site, error)
    assert (other.pki / "ca.pem").is_file()


@pytest.mark.parametrize("put", [*KINDS, folder])
@pytest.mark.parametrize("file", ["ca.pem", "ca-key.pem", "server.pem", "server-key.pem", "issued.jsonl", ".gitignore"])
def test_what_is_no_file_in_a_files_place_is_said_and_nothing_waits(site: Spec, file: str, put: Damage) -> None:
    path = site.pki / file
    path.unlink()
    put(path)
    path.chmod(0o600)
    if file in ("issued.jsonl", ".gitignore"):
        for each in ("server.pem", "server-key.pem", "server.csr"):
            (site.pki / each).unlink()
    assert str(path) in str(refusal(site))


@pytest.mark.parametrize("put", [*KINDS, dangling])
def test_what_is_no_file_in_a_commit_is_said(site: Spec, put: Damage) -> None:
    (site.pki / ".commit").mkdir(0o700)
    put(site.pki / ".commit/ca.pem")
    assert ".commit/ca.pem: this is " in str(refusal(site))


def test_folders_of_git_and_their_modes_are_well(site: Spec) -> None:
    """The control: what a checkout has, and what root has made."""
    site.pki.chmod(0o755)
    (site.pki / "retired/0123456789ab").mkdir(parents=True, mode=0o755)
    assert stage(site, NOW).changes == ()


def test_a_file_may_be_a_link_to_one_that_nobody_else_can_write(site: Spec, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for file in ("ca-key.pem", "server.pem"):
        shutil.move(site.pki / file, secrets / file)
        (site.pki / file).symlink_to(secrets / file)
    assert stage(site, NOW).changes == ()
    secrets.chmod(0o777)
    error = refusal(site)
    assert f"{secrets}: other users can write to it (mode 0777)" in str(error)
    mended(site, error)
    (secrets / "server.pem").chmod(0o666)
    mended(site, refusal(site))


@pytest.mark.parametrize("above", ["pki", ".", "elsewhere"])
def test_whoever_can_write_above_can_put_another_folder_here(here: Path, above: str) -> None:
    (here / "elsewhere/real").mkdir(parents=True)
    if above == "elsewhere":
        (here / "pki").symlink_to(here / "elsewhere/real")
    spec = declare(here)
    stage(spec, NOW).commit()
    (here / above).chmod(0o777)
    error = refusal(spec)
    assert f"{(here / above)}: other users can write to it (mode 0777); chmod go-w '" in str(error)
    mended(spec, error)
    (here / above).chmod(0o1777)  # a sticky one, as /tmp is
    assert stage(spec, NOW).changes == ()


@as_root
def test_in_a_sticky_folder_a_strangers_folder_is_refused(here: Path) -> None:
    spec = declare(here)
    (here / "pki").mkdir()
    (here / "pki").chmod(0o1777)
    (here / "pki/test").mkdir()
    of_a_stranger(here / "pki/test")
    assert "pki/test: it belongs to another user (uid 65534); chown 0 " in str(refusal(spec))


@as_root
def test_root_over_a_checkout_of_another_user(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git calls it dubious ownership. With sudo, root works for the one who called it."""
    spec = declare(here)
    stage(spec, NOW).commit()
    of_a_stranger(here)
    of_a_stranger(here / "pki")
    error = refusal(spec)
    assert len(error.problems) == 2
    assert error.problems[0].fix.endswith("export SUDO_UID=65534")
    monkeypatch.setenv("SUDO_UID", "1")
    assert refusal(spec).problems == error.problems
    monkeypatch.setenv("SUDO_UID", "65534")
    assert stage(spec, NOW).changes == ()


@as_root
def test_sudo_uid_is_nothing_to_another_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    of_a_stranger(tmp_path)
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    assert owners.ours(tmp_path.stat())
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not owners.ours(tmp_path.stat())


@pytest.mark.parametrize(
    ("members", "others", "well"),
    [([], [], True), (["me"], [], True), (["bob"], [], False), (["me", "bob"], [], False), ([], [1001], False)],
)
def test_a_group_may_write_that_is_the_owners_alone(
    site: Spec, monkeypatch: pytest.MonkeyPatch, members: list[str], others: list[int], well: bool
) -> None:
    """A checkout under umask 002."""
    mine = os.geteuid()
    users = [SimpleNamespace(pw_uid=uid, pw_gid=site.pki.stat().st_gid) for uid in (mine, *others)]
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="me"))
    monkeypatch.setattr(pwd, "getpwall", lambda: users)
    monkeypatch.setattr(grp, "getgrgid", lambda _: SimpleNamespace(gr_mem=members))
    owners.private.cache_clear()
    try:
        for each in (site.folder, site.folder / "pki", site.pki):
            each.chmod(0o775)
        for file in ("ca.pem", "server.pem", "issued.jsonl"):
            (site.pki / file).chmod(0o664)
        if well:
            assert stage(site, NOW).changes == ()
        else:
            mended(site, refusal(site), pastes=2)
    finally:
        owners.private.cache_clear()


def test_a_group_that_an_acl_makes_larger_may_not(site: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "private", lambda *_: True)
    site.pki.chmod(0o770)
    assert stage(site, NOW).changes == ()
    monkeypatch.setattr(os, "listxattr", lambda _: ["system.posix_acl_access"])
    assert "mode 0770" in str(refusal(site))


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_no_umask_opens_a_folder_or_a_file(here: Path, umask: int) -> None:
    old = os.umask(umask)
    try:
        spec = declare(here)
        stage(spec, NOW).commit()
        Store(spec.pki).commit({"next/a.pem": b"a"}, None)
    finally:
        os.umask(old)
    made = [here / "pki", *(here / "pki").rglob("*")]
    assert {path for path in made if path.stat().st_mode & 0o022} == set()
    assert stage(spec, NOW).changes == ()


def test_a_draft_that_a_crash_left_under_umask_0_is_ours(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, old = Store(here / "site"), os.umask(0)
    try:
        monkeypatch.setattr(Path, "rename", lambda *_: os._exit(3))
        child = os.fork()
        if child == 0:
            store.commit({"next/a.pem": b"a"}, Contents())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    finally:
        os.umask(old)
    monkeypatch.undo()
    assert (here / "site/.draft/next/a.pem").is_file()
    store.commit({"b.pem": b"b"}, None)
    assert not (here / "site/.draft").exists()


def test_a_certificate_that_the_spec_names_is_writable_by_its_owner_alone(site: Spec, tmp_path: Path) -> None:
    file = tmp_path / "company.pem"
    shutil.copy(site.pki / "ca.pem", file)
    spec = site.model_copy(update={"trust": site.trust.model_copy(update={"also": (file,)})})
    assert list(survey(spec, NOW).also())
    if os.geteuid() == 0:
        of_a_stranger(file)  # who names a file takes its owner's word
        assert list(survey(spec, NOW).also())
    file.chmod(0o666)
    with pytest.raises(StoreError, match=r"company\.pem: other users can write to it \(mode 0666\); chmod go-w"):
        list(survey(spec, NOW).also())


def test_check_says_it_without_a_run(site: Spec) -> None:
    assert unguarded(site) == ()
    site.pki.chmod(0o777)
    said = [str(problem) for problem in unguarded(site)]
    assert said == [f"{site.pki}: other users can write to it (mode 0777); chmod -R go-w '{site.pki}'"]


HOSTILE = [
    "[" * 100_000,
    "{}",
    "[]",
    "nothing",
    json.dumps({"host": 1, "sha256": "a", "seen": "", "why": ""}),
    json.dumps({"host": "h", "sha256": "a", "seen": "2026-01-01T00:00:00", "why": ""}),
    json.dumps({"host": "h", "sha256": "a", "seen": 5, "why": ""}),
    json.dumps({"host": "h", "sha256": ["a"], "seen": "", "why": ""}),
    json.dumps({"sha256": ["a"], "replaces": {}}),
    json.dumps({"sha256": "a", "replaces": ["b"]}),
    "\x00\x1b[2J",
]


@pytest.mark.parametrize("line", HOSTILE)
def test_a_damaged_line_of_a_journal_or_a_ledger_is_passed_over(site: Spec, line: str) -> None:
    sound = (site.pki / "issued.jsonl").read_text()
    (site.pki / "issued.jsonl").write_text(f"{line}\n{sound}")
    store = Store(site.pki)
    assert {each["name"] for each in issued.read(store.read_text("issued.jsonl")) if "name" in each} == {"ca", "server"}
    seen = {"host": "well", "sha256": "a", "seen": NOW.isoformat(), "why": ""}
    (site.pki / "sightings.jsonl").write_text(f"{line}\n{json.dumps(seen)}\n")
    found = sightings.read(store, "a")
    assert set(found) == {"well"}
    assert sightings.missing(found, {"well": "x"}, site.rotation, NOW) == {}
