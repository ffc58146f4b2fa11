"""``--help`` of every command, and what a mistyped one is answered."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from anchorline.cli.base import Command, Group
from anchorline.cli.main import cli
from tests.preloaded import loaded
from tests.unit.documents import parses


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from walk(found, (*path, name))


ALL = list(walk(cli, ("anchorline",)))


def test_all_commands_are_found() -> None:
    named = {" ".join(path) for path, _ in ALL}
    assert {"anchorline", "anchorline init", "anchorline pki", "anchorline pki renew"} < named


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_help_ends_with_an_example_that_is_one(path: tuple[str, ...], command: click.Command) -> None:
    shown = CliRunner().invoke(cli, [*path[1:], "--help"], terminal_width=60)
    assert shown.exit_code == 0
    head, _, example = shown.output.rpartition("\nExample:\n  ")
    assert head, "there is none"
    assert example.split()[: len(path)] == list(path)
    assert example.count("\n") == 1, "a line that is wrapped can't be copied"
    parses(example)
    assert command.help


def test_a_command_without_an_example_cannot_be_made() -> None:
    for kind in (Command, Group):
        with pytest.raises(TypeError, match="example"):
            kind("nothing")  # type: ignore[call-arg]


def said(*arguments: str) -> str:
    ran = loaded("anchorline").run(arguments, Path())
    assert ran.returncode == 2
    assert ran.stdout == ""
    return ran.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("chek", "check"),
        ("CHECK", "check"),
        ("pki sohw", "show"),
        ("check --exipry 3d", "--expiry"),
        ("--vresion", "--version"),
        ("pki --hlep", "--help"),
        ("pki show --formt=json", "--format"),
        ("init --client web1", "--clients"),
    ],
)
def test_the_nearest_word(line: str, near: str) -> None:
    assert said(*line.split()).endswith(f"; did you mean `{near}`?")


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("xylophone", "check, completion, host-keys, init"),
        ("pki xylophone", "adopt, export, issue"),
        ("pki show --xylophone", "--format, --help, --spec"),
        ("pki show -x", "--format, --help, --spec"),
    ],
)
def test_what_is_far_from_everything_gets_no_suggestion(line: str, known: str) -> None:
    assert "did you mean" not in said(*line.split())
    assert f"; known here: {known}" in said(*line.split())


def test_a_mistyped_name(tmp_path: Path) -> None:
    spec = tmp_path / "anchorline.yml"
    spec.write_text("version: 1\nsite: blue\nauthority: {CN: Blue}\ncertificates: {}\n")
    for command in ("issue", "renew", "rekey", "export"):
        nothing = loaded("anchorline").run(["pki", command, "servr"], tmp_path)
        assert (nothing.returncode, "did you mean" in nothing.stderr) == (1, False)
        assert nothing.stderr.endswith("; declare it under `certificates`\n")
    spec.write_text(
        "version: 1\nsite: blue\nauthority: {CN: Blue}\n"
        "signing: {default: {usages: [server auth]}}\ncertificates: {server: {hosts: [a.example.com]}}\n"
    )
    for command in ("issue", "renew", "rekey", "export"):
        near = loaded("anchorline").run(["pki", command, "servr"], tmp_path)
        assert (near.returncode, near.stderr.endswith("; did you mean `server`?\n")) == (1, True)


@pytest.mark.parametrize("arguments", [["--help"], ["init", "--help"], ["pki", "--help"], ["completion", "zsh"]])
def test_help_loads_no_pyinfra(arguments: list[str]) -> None:
    script = "import sys; from anchorline.cli.main import cli; cli(sys.argv[1:], standalone_mode=False); "
    script += "assert not {'pyinfra', 'gevent', 'paramiko'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, capture_output=True)
