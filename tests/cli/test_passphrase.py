"""Passphrases as people and pipelines give them: at a terminal, in a pipe, from a file, from a command."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from anchorline.authority import keys, passphrase, stage
from anchorline.authority.passphrase import Passphrase
from anchorline.errors import PassphraseError
from anchorline.spec import load
from tests.preloaded import loaded

from .terminal import ANCHORLINE, typed

SPEC = """
version: 1
site: blue
authority: {CN: Blue CA}
signing: {default: {expiry: 90d, usages: [signing, server auth]}}
certificates: {server: {hosts: [registry.example.com]}}
ignore: [ANC202]
"""
PREFIXES = ("ANCHORLINE_PASSPHRASE", "ANCHORLINE_NEW_PASSPHRASE")


class Site:
    """A site whose keys are encrypted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.pki = folder, folder / "pki/blue"
        self.spec = folder / "anchorline.yml"
        self.spec.write_text(SPEC)
        stage(load(self.spec), passphrase="correct").commit()

    def environment(self, **variables: str) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith(PREFIXES)} | variables

    def piped(self, *arguments: str, **variables: str) -> tuple[int, str]:
        """The exit code, and everything that was said without a terminal."""
        run = loaded("anchorline").run(["pki", *arguments], self.folder, self.environment(**variables))
        return run.returncode, run.stdout + run.stderr

    def typed(self, *answers: str, command: str) -> tuple[int, str]:
        """The exit code, and what a terminal showed while ``answers`` were typed, each at a prompt."""
        return typed(self.folder, ["pki", *command.split()], answers, self.environment())

    def files(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.pki.rglob("*") if path.is_file()}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_terminal_is_asked_once_and_echoes_nothing(site: Site) -> None:
    code, shown = site.typed("correct", command="renew server")
    assert code == 0, shown
    assert shown.count("Passphrase of the keys: ") == 1
    assert "correct" not in shown
    assert site.typed(command="issue") == (0, "Nothing to issue.\r\n"), "nothing is read, so nothing is asked"


def test_a_wrong_answer_changes_nothing(site: Site) -> None:
    before = site.files()
    code, shown = site.typed("wrong", command="renew server")
    assert code == 1
    assert "what the prompt gives is not this key's passphrase" in shown
    assert site.files() == before


def test_a_pipe_is_never_asked(site: Site) -> None:
    before = site.files()
    code, said = site.piped("renew", "server")
    assert (code, "set ANCHORLINE_PASSPHRASE to its passphrase" in said) == (1, True), said
    assert site.files() == before


def test_the_source_of_a_wrong_one_is_named(site: Site) -> None:
    file, before = site.folder / "word", site.files()
    file.write_text("mistaken\n")
    file.chmod(0o600)
    for variable, value, named in (
        ("ANCHORLINE_PASSPHRASE", "mistaken", "what ANCHORLINE_PASSPHRASE gives"),
        ("ANCHORLINE_PASSPHRASE_FILE", str(file), f"what ANCHORLINE_PASSPHRASE_FILE ({file}) gives"),
        ("ANCHORLINE_PASSPHRASE_COMMAND", "echo mistaken", "what ANCHORLINE_PASSPHRASE_COMMAND (echo) gives"),
    ):
        code, said = site.piped("renew", "server", **{variable: value})
        assert (code, f"{named} is not this key's passphrase" in said) == (1, True), said
        assert "mistaken" not in said
    assert site.files() == before


@pytest.mark.parametrize("command", ["sh -c 'exit 4' --token=hidden", "/nowhere/vault hidden"])
def test_what_a_command_is_given_is_not_shown(site: Site, command: str) -> None:
    code, said = site.piped("renew", "server", ANCHORLINE_PASSPHRASE_COMMAND=command)
    assert code == 1
    assert f"ANCHORLINE_PASSPHRASE_COMMAND ({command.split()[0]}): " in said
    assert "hidden" not in said


def test_another_passphrase_is_typed_twice(site: Site) -> None:
    before = site.files()
    for first, second in (("one", "two"), ("", "")):
        code, shown = site.typed(first, second, command="passphrase")
        assert (code, "nothing was changed" in shown) == (1, True), shown
    assert site.files() == before
    code, shown = site.typed("new word", "new word", "correct", command="passphrase")
    assert code == 0, shown
    assert "new word" not in shown
    assert "correct" not in shown
    for file in ("ca-key.pem", "server-key.pem"):
        assert keys.read((site.pki / file).read_bytes(), Path(file), "new word")


def test_another_passphrase_in_a_pipe(site: Site) -> None:
    before = site.files()
    given = {"ANCHORLINE_PASSPHRASE": "correct"}
    assert "give --remove" in site.piped("passphrase", **given)[1]
    assert site.piped("passphrase", ANCHORLINE_PASSPHRASE="wrong", ANCHORLINE_NEW_PASSPHRASE="new")[0] == 1
    assert site.files() == before
    code, said = site.piped("passphrase", **given, ANCHORLINE_NEW_PASSPHRASE_COMMAND="echo new")
    assert (code, said.count(": encrypted")) == (0, 2), said
    assert keys.read((site.pki / "ca-key.pem").read_bytes(), Path("ca-key.pem"), "new")
    code, said = site.piped("passphrase", "--remove", ANCHORLINE_PASSPHRASE="new")
    assert (code, said.count(": not encrypted")) == (0, 2), said
    assert not keys.encrypted((site.pki / "ca-key.pem").read_bytes())


def test_another_passphrase_where_there_are_no_keys(tmp_path: Path) -> None:
    (tmp_path / "anchorline.yml").write_text(SPEC)
    run = subprocess.run(
        [ANCHORLINE, "pki", "passphrase", "--remove"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (run.returncode, "no keys here yet" in run.stderr) == (1, True)
    assert not (tmp_path / "pki").exists()


def fed(path: Path, content: bytes, after: float = 0.0) -> threading.Thread:
    """Whoever writes into a pipe, later."""

    def write() -> None:
        time.sleep(after)
        with path.open("wb") as pipe:
            pipe.write(content)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("content", [b"correct\n", b"correct", b"correct\nand more\n"])
@pytest.mark.parametrize("after", [0.0, 0.3])
def test_a_pipe_gives_it_also_where_its_writer_comes_later(tmp_path: Path, content: bytes, after: float) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = fed(pipe, content, after)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANCHORLINE_PASSPHRASE_FILE", str(pipe))
        assert Passphrase().get() == "correct"
    writer.join(10)


def test_a_shell_s_own_pipe_gives_it(site: Site) -> None:
    command = f"ANCHORLINE_PASSPHRASE_FILE=<(printf correct) {ANCHORLINE} pki renew server"
    done = subprocess.run(["bash", "-c", command], cwd=site.folder, env=site.environment(), check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (os.mkfifo, "nothing in 1 s"),
        (lambda path: path.symlink_to("/dev/zero"), "its first line has more than 4,096 bytes"),
        (lambda path: path.symlink_to("/dev/null"), "it gives an empty passphrase"),
        (Path.mkdir, "Is a directory"),
    ],
)
def test_what_gives_none_is_told_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], cause: str
) -> None:
    make(tmp_path / "it")
    monkeypatch.setattr(passphrase, "PATIENCE", 1)
    monkeypatch.setenv("ANCHORLINE_PASSPHRASE_FILE", str(tmp_path / "it"))
    with pytest.raises(PassphraseError, match=cause):
        Passphrase().get()
