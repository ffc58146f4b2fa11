"""A change of the registry that fails: what was there before serves again."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from anchorline.registry.plan import InstanceStep
from tests.operations.registry.host import (
    BEFORE,
    CREATE,
    REPLACE,
    RESTART,
    START,
    WRITE,
    Host,
    files,
)


class TestWayBack:
    def test_another_run_is_left_alone(self, mute: Host) -> None:
        """What the other run keeps for its own undoing isn't this one's to go back to."""
        before = Path(mute.instance.before)
        before.mkdir()
        (before / "server.pem").write_text("older\n")
        lock = os.open(mute.instance.lock, os.O_RDONLY | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = mute.apply(WRITE, RESTART)
        finally:
            os.close(lock)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == "another run is changing the registry of this host, for 3 s now"
        assert files(mute.folder) == BEFORE
        assert files(before) == {"server.pem": "older\n"}

    def test_what_another_run_has_made_since_the_look_is_replaced(self, empty: Host) -> None:
        """Control was cut off from it; it went on to its end, while the next run looked and waited."""
        due = empty.due()
        empty.carries_out(due)
        empty.asked()
        empty.carries_out(due)
        assert empty.asked() == ["rename", "stop", "create", "start"]
        assert not empty.due()
        assert empty.containers() == {"registry": "running"}

    def test_and_what_is_somebody_elses_is_not(self, empty: Host) -> None:
        due = empty.due()
        (empty.root / "whose").write_text("green")
        empty.shows()
        done = empty.apply(*due.steps, files=tuple(each.name for each in due.files))
        assert done.returncode == 1
        assert "creating the container" in done.stderr
        assert empty.asked() == ["create"]
        assert empty.containers() == {"registry": "running"}

    def test_a_run_of_an_old_version_is_waited_for(self, mute: Host) -> None:
        """It has locked the site's folder, as its descriptor 9; root's is waited for, and another one's isn't."""
        holds = ["sh", "-c", 'exec 9<"$1"; flock 9; echo held; exec sleep 2', "-", str(mute.root / "state")]
        with subprocess.Popen(holds, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            done = mute.apply(WRITE, RESTART)
            ended = other.poll()
            assert other.wait(timeout=10) == 0
        assert "undone: " in done.stderr, "it had its turn"
        assert (ended is not None) == (os.geteuid() == 0)

    def test_whoever_else_locks_the_folder_holds_nobody_up(self, mute: Host) -> None:
        with subprocess.Popen(["flock", mute.root / "state", "sleep", "20"]) as other:
            done = mute.apply(WRITE, RESTART)
            assert other.poll() is None
            other.kill()
        assert "undone: " in done.stderr

    def test_half_a_copy_is_never_gone_back_to(self, mute: Host) -> None:
        full = (
            'mkdir -p "$3" && : >"$3/server.pem"; echo "cp: error writing $3/server.pem: No space left on device" >&2'
        )
        mute.tool("cp", f"{full}; exit 1")
        done = mute.apply(WRITE, RESTART)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == "keeping the files of before: No space left on device"
        assert files(mute.folder) == BEFORE
        assert {each.name for each in mute.folder.parent.iterdir()} == {"registry", "registry.lock"}

    @pytest.mark.parametrize("steps", [(WRITE,), (WRITE, RESTART), (WRITE, REPLACE), (WRITE, START)], ids=str)
    def test_the_files_of_before_come_back(self, mute: Host, steps: tuple[InstanceStep, ...]) -> None:
        """Nobody listens on port 1, so that it doesn't get healthy."""
        done = mute.apply(*steps)
        assert done.returncode == 1
        assert files(mute.folder) == BEFORE
        assert mute.containers() == {"registry": "running"}
        asked = mute.asked()
        if RESTART in steps:
            assert "undone: it serves with the files of before again" in done.stderr
            assert asked == ["restart", "restart"]
        if REPLACE in steps:
            assert "undone: the container that was there before serves again" in done.stderr
            assert asked == ["rename", "stop", "create", "start", "rename", "restart"]
            assert "log: what the container said" in done.stderr
        if steps == (WRITE,):
            assert asked == []

    def test_a_container_that_cannot_be_set_aside_is_not_removed(self, old: Host) -> None:
        (old.root / "no-rename").touch()
        assert old.apply(WRITE, REPLACE).stderr.splitlines()[-1].startswith("setting the old container aside: ")
        assert old.containers() == {"registry": "running"}

    def test_a_new_one_that_does_not_start_is_removed(self, empty: Host) -> None:
        (empty.root / "no-start").touch()
        done = empty.apply(WRITE, CREATE)
        assert done.stderr.splitlines()[-1].startswith(f"starting the container: port {empty.port} is taken")
        assert empty.containers() == {}

    def test_a_replacement_that_was_cut_off_is_healed(self, old: Host) -> None:
        old.shows("registry-before", digest="of before")
        (old.root / "state/registry.before").mkdir()
        (old.root / "state/registry.before/secret").write_text("of before\n")
        due = old.due()
        assert (due.steps, due.why) == ((WRITE, REPLACE), "a replacement was cut off")
        old.carries_out(due)
        assert (old.folder / "secret").read_text() == "of before\n"
        assert old.containers() == {"registry": "running"}
        assert not old.due()

    @pytest.mark.parametrize("signal", ["TERM", "INT"])
    def test_a_signal_ends_in_the_same_undo(self, mute: Host, signal: str) -> None:
        mute.tool("curl", f'[ -e "$ROOT/sent" ] || {{ : >"$ROOT/sent"; kill -{signal} $PPID; }}; exit 7')
        done = mute.apply(WRITE, RESTART)
        assert "undone: it serves with the files of before again" in done.stderr
        assert files(mute.folder) == BEFORE
