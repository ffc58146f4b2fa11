"""The registry's script where it must not change what is there, by several shells, over a folder that is the state."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from anchorline.fleet.scripts import File, script, stdin

BEFORE = {"server.pem": "old\n", "server-key.pem": "old key\n", "started": "chain\n", "secret": "s\n"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A host's state with the registry's files of before, and with a Docker that does all that it is asked."""
    folder = tmp_path / "state/registry"
    folder.mkdir(parents=True)
    for name, text in BEFORE.items():
        (folder / name).write_text(text)
    tool(tmp_path, "docker")
    return folder.parent


def tool(root: Path, name: str, text: str = "") -> None:
    (root / "bin").mkdir(exist_ok=True)
    (root / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
    (root / "bin" / name).chmod(0o755)


def restart(shell: list[str], state: Path) -> subprocess.CompletedProcess[str]:
    values = {
        "action": "restart",
        "site": "blue",
        "state": state,
        "name": "registry",
        "image": "registry:2",
        "archive": "",
        "data": state.parent / "data",
        "create": "",
        "chain": "c",
        "leaf": "",
        "inside": 5000,
        "drain": 1,
        "patience": 1,
        "host": "localhost",
        "listen": "127.0.0.1",
        "port": 1,
        "tls": "",
    }
    sources = ("fleet/shell/files.sh", "registry/shell/health.sh", "registry/shell/apply.sh")
    text = script(*sources, **{key: str(value) for key, value in values.items()})
    files = [File(f"{state}/registry/{name}", "new\n") for name in ("server.pem", "config.yml")]
    path = f"{state.parent}/bin:{os.environ['PATH']}"
    return subprocess.run(
        [*shell, "-c", text], input=stdin(files), capture_output=True, text=True, env={"PATH": path}, timeout=60
    )


def files(folder: Path) -> dict[str, str]:
    return {each.name: each.read_text() for each in folder.iterdir()}


def test_another_run_is_left_alone(shell: list[str], state: Path) -> None:
    """What the other run keeps for its own undoing isn't this one's to go back to."""
    (state / "registry.before").mkdir()
    (state / "registry.before/server.pem").write_text("older\n")
    lock = os.open(state, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = restart(shell, state)
    finally:
        os.close(lock)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "another run is changing the registry of this host, for 3 s now"
    assert files(state / "registry") == BEFORE
    assert files(state / "registry.before") == {"server.pem": "older\n"}


def test_a_run_that_was_cut_off_is_waited_for(shell: list[str], state: Path) -> None:
    with subprocess.Popen(["flock", state, "sleep", "2"]) as other:
        done = restart(shell, state)
        assert other.wait(timeout=10) == 0
    assert "another run" not in done.stderr
    assert "undone: " in done.stderr, "it had its turn"


def test_half_a_copy_is_never_gone_back_to(shell: list[str], state: Path) -> None:
    full = 'mkdir -p "$3" && : >"$3/server.pem"; echo "cp: error writing $3/server.pem: No space left on device" >&2'
    tool(state.parent, "cp", f"{full}; exit 1")
    done = restart(shell, state)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "keeping the files of before: No space left on device"
    assert files(state / "registry") == BEFORE
    assert [each.name for each in state.iterdir()] == ["registry"]


def test_the_files_of_before_come_back(shell: list[str], state: Path) -> None:
    """Nobody listens on port 1, so that it doesn't get healthy."""
    done = restart(shell, state)
    assert done.returncode == 1
    assert "undone: the certificate that was there before is served again" in done.stderr
    assert files(state / "registry") == BEFORE
