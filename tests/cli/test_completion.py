"""Shell completion: by the shells themselves where they are here, and by what anchorline answers them."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.preloaded import loaded
from tests.unit.tools import program

ANCHORLINE = Path(sys.executable).with_name("anchorline")
PATH = f"{ANCHORLINE.parent}:{os.environ['PATH']}"
SHELLS = ("bash", "zsh", "fish")
SPEC = """
version: 1
site: blue
authority: {CN: Blue CA}
certificates:
  server: {hosts: [a.example.com]}
  second: {hosts: [b.example.com]}
  brought: {certificate: a.pem, key: a-key.pem}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "anchorline.yml").write_text(SPEC)
    (tmp_path / "staging.yaml").write_text("certificates: {elsewhere: {}}\n")
    (tmp_path / "ca.pem").write_text("")
    return tmp_path


@cache
def script(shell: str) -> str:
    run = subprocess.run([ANCHORLINE, "completion", shell], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    return run.stdout


def in_shell(shell: str, code: str, folder: Path) -> str:
    found = program(shell, shell)
    environment = {"PATH": PATH, "HOME": str(folder), "LANG": "C.UTF-8", "TERM": "dumb"}
    run = subprocess.run([found, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return run.stdout


def bash(words: list[str], folder: Path) -> list[str]:
    """What bash offers for the last word."""
    (folder / "script").write_text(script("bash"))
    quoted = " ".join(f"'{word}'" for word in words)
    code = (
        f"complete -p anchorline; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _anchorline_completion anchorline"
    )
    first, *found = in_shell("bash", f'. ./script; {code}; printf "%s\\n" "${{COMPREPLY[@]}}"', folder).splitlines()
    assert "-F _anchorline_completion anchorline" in first
    return [each for each in found if each]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("anchorline ch", ["check"]),
        ("anchorline pki re", ["rekey", "renew"]),
        ("anchorline check --f", ["--format"]),
        ("anchorline check --format ", ["text", "json"]),
        ("anchorline completion f", ["fish"]),
        ("anchorline pki renew ", ["server", "second"]),
        ("anchorline pki issue server ", ["second"]),
        ("anchorline pki renew --spec staging.yaml ", ["elsewhere"]),
        ("anchorline pki export ", ["ca", "server", "second", "brought"]),
        ("anchorline check ", ["anchorline.yml", "staging.yaml"]),
        ("anchorline check ./st", ["./staging.yaml"]),
        ("anchorline pki show --spec st", ["staging.yaml"]),
        ("anchorline pki renew x", []),
    ],
)
def test_bash_offers(line: str, offered: list[str], folder: Path) -> None:
    found = bash(line.split(" "), folder)
    assert [each for each in found if each != "status"] == offered


def test_fish_offers(folder: Path) -> None:
    (folder / "script").write_text(script("fish"))
    asked = "complete -C 'anchorline pki renew '; complete -C 'anchorline che'"
    *names, command = in_shell("fish", f"source script; {asked}", folder).splitlines()
    assert sorted(names) == ["second", "server"]
    assert command.startswith("check\tSay everything that is wrong")


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_shell_is_answered(shell: str, folder: Path) -> None:
    last = "" if shell == "fish" else "3"
    asked = {"_ANCHORLINE_COMPLETE": f"{shell}_complete", "COMP_WORDS": "anchorline pki renew ", "COMP_CWORD": last}
    run = loaded("anchorline").run([], folder, {"PATH": PATH, **asked})
    assert run.returncode == 0
    assert "server" in run.stdout
    assert "brought" not in run.stdout
    assert run.stderr == ""


@pytest.mark.parametrize(
    "content", [None, b"", b"certificates: [", b"\xff", b"certificates: 3\n", b"certificates: [a]\n"]
)
def test_a_broken_spec_offers_nothing_and_says_nothing(content: bytes | None, folder: Path) -> None:
    spec = folder / "anchorline.yml"
    spec.unlink()
    if content is not None:
        spec.write_bytes(content)
    asked = {"_ANCHORLINE_COMPLETE": "bash_complete", "COMP_WORDS": "anchorline pki renew ", "COMP_CWORD": "3"}
    run = loaded("anchorline").run([], folder, {"PATH": PATH, **asked})
    assert (run.returncode, run.stdout.strip(), run.stderr) == (0, "", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_last_line_installs_it(shell: str, folder: Path) -> None:
    last = script(shell).splitlines()[-1]
    comment, _, command = last.partition(": ")
    assert comment == "# to install it"
    (folder / ".config/fish/completions").mkdir(parents=True)
    made = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/completions/anchorline.fish"}[shell]
    subprocess.run(["sh", "-c", command], cwd=folder, env={"PATH": PATH, "HOME": str(folder)}, check=True)
    assert (folder / made).stat().st_size
    kept = folder / (made if shell == "fish" else f".anchorline.{shell}")
    assert kept.read_text() == script(shell)
    in_shell(shell, "true", folder)  # or skip
    checked = subprocess.run([shell, "-n", str(kept)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_zsh_takes_it_as_a_completion_function() -> None:
    """compinit looks at a file's first line alone."""
    assert script("zsh").startswith("#compdef anchorline\n")


def test_another_shell_is_refused() -> None:
    run = subprocess.run([ANCHORLINE, "completion", "csh"], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "'bash', 'zsh', 'fish'" in run.stderr


def test_completion_loads_no_pyinfra(folder: Path) -> None:
    script = "import sys; from anchorline.cli.main import cli\ntry: cli(prog_name='anchorline')\n"
    script += "finally: assert not {'pyinfra', 'gevent', 'paramiko'} & sys.modules.keys()"
    asked = {"_ANCHORLINE_COMPLETE": "bash_complete", "COMP_WORDS": "anchorline pki renew ", "COMP_CWORD": "3"}
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={"PATH": PATH, **asked},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "server" in run.stdout
