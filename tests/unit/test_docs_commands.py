"""The commands of the documentation, parsed, and what the README says to undo a site by, run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from anchorline.fleet.scripts import state_folder
from anchorline.trust.observed import OURS
from anchorline.trust.stores.families import FAMILIES
from anchorline.trust.stores.runtimes import RUNTIMES
from tests.unit.documents import README, ROOT, all_commands, blocks, parses


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {code.split()[1] for code in all_commands("make")}
    assert {"demo", "test", "setup", "lab-down"} <= named <= targets


def test_anchorlines_commands_parse() -> None:
    lines = all_commands("anchorline")
    assert len({tuple(line.split()[1:3]) for line in lines}) >= 4, lines
    for line in lines:
        parses(line)
    for wrong in ("anchorline chek", "anchorline check --nosuch", "anchorline pki nosuch"):
        with pytest.raises(click.UsageError):
            parses(wrong)


def test_pyinfras_options_exist() -> None:
    lines = all_commands("pyinfra")
    assert any("--dry" in line for line in lines)
    pyinfra = Path(sys.executable).with_name("pyinfra")
    known = subprocess.run([pyinfra, "--help"], capture_output=True, text=True, check=True).stdout
    for line in lines:
        options = [word for word in shlex.split(line.partition(" -- ")[0]) if word.startswith("-")]
        assert all(re.search(rf"{option}\b", known) for option in options), line
        for word in line.split():
            if word.startswith("anchorline."):
                _, room, step = word.split(".")
                assert callable(getattr(import_module(f"anchorline.{room}.deploy"), step, None)), word


def undo() -> str:
    (script,) = [body for language, body in blocks(README.read_text()) if language == "sh"]
    return script


BY_HAND = [row for row in RUNTIMES.values() if row.folder.startswith("/etc/")]
TRIED = [family for family in FAMILIES if family.verified != "documentation"]


def test_undo_names_each_family_and_runtime() -> None:
    script = undo()
    for family in TRIED:
        assert f"{family.folder}/anchorline-production-" in script
        assert f"\n{family.repair.rpartition('/')[2]}\n" in script
    assert all(f"{row.folder}/*/anchorline-production-" in script for row in BY_HAND)


def test_undo_takes_this_site_away_and_no_other(tmp_path: Path) -> None:
    """The README's own commands, over a folder in the place of a host."""
    tools, host = tmp_path / "tools", tmp_path / "host"
    tools.mkdir()
    for tool in ("update-ca-certificates", "update-ca-trust", "docker"):
        (tools / tool).write_text(f'#!/bin/sh\necho "{tool} $*" >>{tmp_path}/ran\n')
        (tools / tool).chmod(0o755)
    stays: list[str] = []
    goes: list[str] = []
    for site, files in (("production", goes), ("production-eu", stays)):
        anchor = f"anchorline-{site}-0123456789ab.crt"
        files += [family.path(anchor) for family in TRIED]
        for runtime in BY_HAND:
            made = runtime.files(runtime.folder, site, [f"{site}.example.com"], [(anchor, "pem")])
            files += [file.path for file in made]
            for file in made:
                (host / file.path[1:]).parent.mkdir(parents=True, exist_ok=True)
                (host / file.path[1:]).write_text(file.content)
        files.append(f"{state_folder(site)}/anchors")
        for path in files:
            (host / path[1:]).parent.mkdir(parents=True, exist_ok=True)
            (host / path[1:]).touch()
    lines = [f"192.0.2.10 a {OURS}production\n", f"192.0.2.10 b {OURS}production-eu\n", "127.0.0.1 localhost\n"]
    (host / "etc/hosts").write_text("".join(lines))
    moved = re.sub(r"(?<= )/(?=etc|usr|var)", f"{host}/", undo())
    assert not re.search(r"[\s'\"=]/\w", moved.replace(f"{host}/", "")), "it must not touch this machine"
    subprocess.run(["sh", "-c", moved], env={"PATH": f"{tools}:/usr/bin:/bin"}, check=True)
    assert [path for path in goes if (host / path[1:]).exists()] == []
    assert [path for path in stays if not (host / path[1:]).exists()] == []
    assert not list(host.glob("etc/*/certs.d/production.example.com"))
    assert (host / "etc/hosts").read_text() == "".join(lines[1:])
    assert "docker rm -f registry\n" in (tmp_path / "ran").read_text()
