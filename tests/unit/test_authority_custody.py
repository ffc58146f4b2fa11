"""Where a passphrase comes from, who can read the keys, and what git must not take."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509

from anchorline.authority import keys, pbes2, stage
from anchorline.authority.certificates import fingerprint
from anchorline.authority.custody import plain_in_git, reencrypt
from anchorline.authority.generations import promote, retire, rotate
from anchorline.authority.gitignore import key_files
from anchorline.authority.passphrase import Passphrase
from anchorline.authority.store import Store
from anchorline.errors import PassphraseError, StoreError
from anchorline.spec.model import Spec
from tests.unit.disk import escaping, full_at_each_call, killed_at
from tests.unit.sites import NOW, assert_pairs, declare, snapshot
from tests.unit.tools import as_root

ENDS = ("", "_FILE", "_COMMAND")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for end in ENDS:
        monkeypatch.delenv(keys.PASSPHRASE + end, raising=False)


def test_each_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "word"
    file.write_text("of a file\n")
    file.chmod(0o600)
    for end, value, word in (
        ("", "of a variable", "of a variable"),
        ("_FILE", str(file), "of a file"),
        ("_COMMAND", r"printf 'of a command\nuser: me\n'", "of a command"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(keys.PASSPHRASE + end, value)
            assert Passphrase().get() == word
            assert word not in repr(Passphrase())
    assert Passphrase().get() is None
    assert Passphrase("given").get() == "given"


def wrong(folder: Path) -> dict[str, tuple[dict[str, str], str]]:
    return {
        "no file": ({"_FILE": str(folder / "none")}, "No such file"),
        "readable": ({"_FILE": str(folder / "readable")}, "in reach of other users"),
        "empty": ({"_FILE": str(folder / "empty")}, "an empty passphrase"),
        "no command": ({"_COMMAND": "/nowhere/pass"}, "No such file"),
        "a command that fails": (
            {"_COMMAND": "sh -c 'echo hidden | tr h H; echo locked >&2; exit 3'"},
            "with 3: locked",
        ),
        "half a quote": ({"_COMMAND": "pass 'x"}, "No closing quotation"),
        "silence": ({"_COMMAND": "true"}, "an empty passphrase"),
        "two": ({"": "x", "_COMMAND": "true"}, "one of them is enough"),
    }


@pytest.mark.parametrize("case", wrong(Path()))
def test_a_source_that_gives_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    for name, text, mode in (("readable", "Hidden", 0o640), ("empty", "", 0o600)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    variables, words = wrong(tmp_path)[case]
    for end, value in variables.items():
        monkeypatch.setenv(keys.PASSPHRASE + end, value)
    with pytest.raises(PassphraseError) as caught:
        Passphrase().get()
    assert words in str(caught.value)
    assert keys.PASSPHRASE in str(caught.value)
    assert "Hidden" not in str(caught.value)


def test_a_run_that_issues_nothing_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, asked = declare(tmp_path), tmp_path / "asked"
    monkeypatch.setenv(keys.PASSPHRASE + "_COMMAND", f"sh -c 'echo x >>{asked}; echo secret'")
    stage(spec, NOW).commit()
    assert asked.read_text() == "x\n", "once for all keys"
    assert stage(spec, NOW).changes == ()
    assert asked.read_text() == "x\n"
    assert b"ENCRYPTED" in (spec.pki / "ca-key.pem").read_bytes()
    stage(spec, NOW).pair("server")
    assert asked.read_text() == "x\nx\n"


def generations(spec: Spec) -> list[bytes]:
    """The public half of every key: what must not change."""
    pems = [(spec.pki / file).read_bytes() for file in key_files(spec.pki)]
    word = next(each for each in (None, "old", "new") if _opens(pems[0], each))
    return [keys.public_bytes(keys.read(pem, Path(), word).public_key()) for pem in pems]


def _opens(pem: bytes, word: str | None) -> bool:
    try:
        return bool(keys.read(pem, Path(), word))
    except PassphraseError:
        return False


def test_all_keys_get_another_passphrase(tmp_path: Path) -> None:
    spec = declare(tmp_path)
    stage(spec, NOW, passphrase="old").commit()
    rotate(spec, NOW, passphrase="old").commit()
    promote(spec, NOW, passphrase="old").commit()
    assert len(key_files(spec.pki)) == 4
    before = generations(spec)
    for word in ("wrong", ""):
        there = snapshot(spec.folder)
        with pytest.raises(PassphraseError):
            reencrypt(spec, Passphrase(word), "new")
        assert snapshot(spec.folder) == there
    assert len(reencrypt(spec, Passphrase("old"), "new")) == 4
    assert generations(spec) == before
    assert stage(spec, NOW, passphrase="new").pair("server")
    with pytest.raises(PassphraseError):
        stage(spec, NOW, passphrase="old").pair("server")
    reencrypt(spec, Passphrase("new"), None)
    assert stage(spec, NOW, passphrase="").pair("server")
    assert generations(spec) == before
    assert_pairs(spec)


def test_another_passphrase_killed_anywhere_is_the_old_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stride: int
) -> None:
    """Of all keys, as readers see them: present, next, previous and retired ones."""
    monkeypatch.setattr(pbes2, "ROUNDS", 1000)  # many times over
    base, step, seen = declare(tmp_path / "base"), 1 - stride, set()
    stage(base, NOW, passphrase="old").commit()
    rotate(base, NOW, passphrase="old").commit()
    promote(base, NOW, passphrase="old").commit()
    retire(base, fingerprint(x509.load_pem_x509_certificate((base.pki / "previous/ca.pem").read_bytes())))
    rotate(base, NOW, passphrase="old").commit()
    assert len(key_files(base.pki)) == 5
    before = generations(base)
    while True:
        step += stride
        shutil.copytree(tmp_path / "base", tmp_path / str(step))
        spec = declare(tmp_path / str(step))
        if not killed_at(step, partial(_change, spec)):
            break
        [word] = words(spec)
        seen.add(word)
        reencrypt(spec, Passphrase(word), "new")
        assert words(spec) == {"new"}
        assert generations(spec) == before
        assert not [path for path in spec.pki.rglob("*") if path.name in (".commit", ".draft")]
        assert stage(spec, NOW, passphrase="new").pair("server")
    assert step > 15
    assert seen == {"old", "new"}


def test_another_passphrase_on_a_disk_that_is_full_at_each_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stride: int
) -> None:
    monkeypatch.setattr(pbes2, "ROUNDS", 1000)
    base, seen = declare(tmp_path / "base"), set()
    stage(base, NOW, passphrase="old").commit()
    rotate(base, NOW, passphrase="old").commit()
    before = generations(base)
    for site, error in full_at_each_call(base.folder, tmp_path, _change, stride):
        [word] = words(site)
        assert error or word == "new"
        seen.add(word)
        reencrypt(site, Passphrase(word), "new")
        assert words(site) == {"new"}
        assert generations(site) == before
    assert seen == {"old", "new"}
    assert escaping(partial(_change, base)) == []


def _change(spec: Spec) -> None:
    reencrypt(spec, Passphrase("old"), "new")


def words(spec: Spec) -> set[str]:
    """The passphrases that open the keys, as the store reads them."""
    pems = [Store(spec.pki).read(file) for file in key_files(spec.pki)]
    return {word for pem in pems for word in ("old", "new") if keys.encrypted(pem) and _opens(pem, word)}


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def listed(folder: Path) -> set[str]:
    """What ``git add`` takes of the keys."""
    git(folder, "add", "-A")
    ran = subprocess.run(["git", "-C", str(folder), "ls-files"], check=True, capture_output=True, text=True)
    return {name for name in ran.stdout.split() if name.endswith("-key.pem")}


@pytest.fixture
def tree(spec: Spec) -> Spec:
    """A site in a work tree, without the ``.gitignore`` that the store keeps."""
    git(spec.folder, "init", "-q")
    (spec.pki / ".gitignore").unlink()
    return spec


def test_git_takes_encrypted_keys_and_no_others(spec: Spec) -> None:
    git(spec.folder, "init", "-q")
    rotate(spec, NOW).commit()
    assert listed(spec.folder) == set()
    assert list(plain_in_git(spec)) == []
    reencrypt(spec, Passphrase(""), "secret")
    assert not (spec.pki / ".gitignore").exists()
    assert listed(spec.folder) == {f"pki/test/{file}" for file in ("ca-key.pem", "next/ca-key.pem", "server-key.pem")}
    reencrypt(spec, Passphrase("secret"), None)
    assert (spec.pki / ".gitignore").exists()
    assert [problem.place.file.name for problem in plain_in_git(spec)] == ["ca-key.pem", "ca-key.pem", "server-key.pem"]


def test_one_plain_key_is_enough(tmp_path: Path) -> None:
    spec = declare(tmp_path)
    stage(spec, NOW).commit()
    stage(spec, NOW, passphrase="secret", only=["server"], asked={"server": True}).commit()
    assert b"ENCRYPTED" in (spec.pki / "server-key.pem").read_bytes()
    assert (spec.pki / ".gitignore").exists(), "the CA's key is plain still"


def test_a_gitignore_of_somebody_else_stays(spec: Spec) -> None:
    for content, new in ((b"*.csr\n", "secret"), (b"", None)):
        (spec.pki / ".gitignore").write_bytes(content)
        reencrypt(spec, Passphrase("secret"), new)
        assert (spec.pki / ".gitignore").read_bytes() == content


def test_a_plain_key_that_git_would_take(tree: Spec) -> None:
    found = list(plain_in_git(tree))
    assert [problem.place.file.name for problem in found] == ["ca-key.pem", "server-key.pem"]
    assert all(not problem.warning and "doesn't ignore it" in problem.cause for problem in found)
    (tree.folder / ".gitignore").write_text("*-key.pem\n")
    assert list(plain_in_git(tree)) == []
    git(tree.folder, "add", "-f", "pki/test/ca-key.pem", "pki/test/server-key.pem")
    ca, server = plain_in_git(tree)
    assert "in git" in ca.cause
    assert f"git rm --cached {tree.pki / 'ca-key.pem'}; take it for known: anchorline pki rotate" in ca.fix
    assert "anchorline pki rekey server" in server.fix


def test_no_work_tree_and_no_git_are_no_matter(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    (spec.pki / ".gitignore").unlink()
    assert list(plain_in_git(spec)) == []
    git(spec.folder, "init", "-q")
    monkeypatch.setenv("PATH", "/nowhere")
    assert list(plain_in_git(spec)) == []


def test_the_look_at_git_in_a_hook(tree: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree.folder)
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert len(list(plain_in_git(tree))) == 2


def test_the_look_at_git_through_a_link(spec: Spec) -> None:
    git(spec.folder, "init", "-q")
    (spec.folder / "pki").rename(spec.folder / "elsewhere")
    (spec.folder / "pki").symlink_to("elsewhere")
    assert list(plain_in_git(spec)) == []
    (spec.pki / ".gitignore").unlink()
    assert len(list(plain_in_git(spec))) == 2


@as_root
def test_a_passphrase_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "word"
    file.write_text("Hidden\n")
    file.chmod(0o600)
    os.chown(file, 65534, -1)
    monkeypatch.setenv(keys.PASSPHRASE + "_FILE", str(file))
    with pytest.raises(PassphraseError, match="in reach of other users") as caught:
        Passphrase().get()
    assert "Hidden" not in str(caught.value)


@as_root
def test_git_that_refuses_is_no_clean_bill(tree: Spec) -> None:
    for path in (tree.folder, tree.folder / ".git"):
        os.chown(path, 65534, -1)
    [problem] = plain_in_git(tree)
    assert "dubious ownership" in problem.cause
    assert not problem.warning


REACH: list[Callable[[Path], None]] = [lambda path: path.chmod(0o644), lambda path: os.chown(path, 65534, -1)]


@as_root
@pytest.mark.parametrize("damage", REACH, ids=["mode", "owner"])
def test_a_next_key_in_reach_of_others_is_refused(spec: Spec, damage: Callable[[Path], None]) -> None:
    rotate(spec, NOW).commit()
    damage(spec.pki / "next/ca-key.pem")
    before = snapshot(spec.folder)
    with pytest.raises(StoreError, match=r"next/ca-key\.pem"):
        promote(spec, NOW)
    assert snapshot(spec.folder) == before


@as_root
@pytest.mark.parametrize("damage", REACH, ids=["mode", "owner"])
@pytest.mark.parametrize("kept", ["previous/server", "retired/*/ca"])
def test_a_key_that_nothing_needs_is_a_secret_still(spec: Spec, damage: Callable[[Path], None], kept: str) -> None:
    rotate(spec, NOW).commit()
    promote(spec, NOW).commit()
    retire(spec, fingerprint(x509.load_pem_x509_certificate((spec.pki / "previous/ca.pem").read_bytes())))
    assert stage(spec, NOW).changes == ()
    [file] = spec.pki.glob(f"{kept}-key.pem")
    damage(file)
    before = snapshot(spec.folder)
    chosen: tuple[list[str] | None, ...] = (None, [])
    for only in chosen:
        with pytest.raises(StoreError, match=str(file.relative_to(spec.pki))):
            stage(spec, NOW, only=only)
    with pytest.raises(StoreError, match=file.name):
        reencrypt(spec, Passphrase(""), "secret")
    assert snapshot(spec.folder) == before
