"""The data folder: whose it is, what isn't believed of its mark, and what a run makes of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from anchorline.problem import Problem
from anchorline.registry.observed import DataState, FoundData
from anchorline.registry.plan import conflicts
from tests.operations.registry.host import CREATE, REPLACE, WRITE, Host
from tests.unit.tools import as_root

SECRET = "blue\n"
OURS = FoundData(DataState.OF, "blue")


def mark(host: Host) -> Path:
    return host.root / "data/.anchorline"


def linked(host: Host) -> None:
    """To a file that says what ours would."""
    (host.root / "elsewhere").write_text(SECRET)
    mark(host).symlink_to(host.root / "elsewhere")


def linked_hard(host: Host) -> None:
    (host.root / "elsewhere").write_text(SECRET)
    mark(host).hardlink_to(host.root / "elsewhere")


def given_away(host: Host) -> None:
    mark(host).write_text(SECRET)
    os.chown(mark(host), 4711, 4711)


def refused(host: Host) -> list[Problem]:
    """What stands in the way but for the port, on which no proxy listens here."""
    return [*conflicts(replace(host.look(), port=""), host.instance)]


MARKS: dict[str, tuple[Callable[[Host], object], DataState]] = {
    "a link": (linked, DataState.FORGED),
    "a link that leads nowhere": (lambda host: mark(host).symlink_to("/nowhere"), DataState.FORGED),
    "a link to a device": (lambda host: mark(host).symlink_to("/dev/zero"), DataState.FORGED),
    "a hard link": (linked_hard, DataState.FORGED),
    "a FIFO": (lambda host: os.mkfifo(mark(host)), DataState.FORGED),
    "a folder": (lambda host: mark(host).mkdir(), DataState.FORGED),
    "no site's name": (lambda host: mark(host).write_text("../../etc\n"), DataState.FOREIGN),
    "no line": (lambda host: mark(host).write_bytes(b"\0\xff" * 100), DataState.FOREIGN),
    "a line without an end": (lambda host: mark(host).write_text("a" * 100_000_000), DataState.FOREIGN),
    "nothing": (lambda host: mark(host).touch(), DataState.FOREIGN),
}


@pytest.fixture
def older(old: Host) -> Host:
    """A host with the data folder of a version that gave the container the whole of it."""
    (old.root / "data/docker/registry/v2").mkdir(parents=True)
    mark(old).write_text("blue\n")
    return old


class TestMark:
    @pytest.mark.parametrize("name", MARKS)
    def test_what_it_may_have_been_made(self, older: Host, name: str) -> None:
        """It is told, it is refused, and even a run that was begun before writes nothing through it."""
        mark(older).unlink()
        make, state = MARKS[name]
        make(older)
        before = {each: each.read_bytes() for each in older.root.glob("elsewhere")}
        assert older.look().data.state is state
        assert len(refused(older)) == 1
        done = older.apply(WRITE, REPLACE)
        assert done.returncode == 1
        assert "; making the data folder: " in done.stderr.splitlines()[-1]
        assert older.containers() == {"registry": "running"}, "what was there before serves again"
        assert {each: each.read_bytes() for each in before} == before
        assert not Path("/nowhere").exists()

    @as_root
    def test_one_of_another_user(self, older: Host) -> None:
        mark(older).unlink()
        given_away(older)
        assert older.look().data.state is DataState.FORGED

    @pytest.mark.parametrize("name", ["blue", "file", "foreign", "forged", "another", "free", "of"])
    def test_a_site_may_be_called_like_a_state(self, older: Host, name: str) -> None:
        mark(older).write_text(f"{name}\n")
        assert older.look().data == FoundData(DataState.OF, name)

    def test_the_way_out_is_one_command(self, made: Host) -> None:
        mark(made).unlink()
        mark(made).symlink_to("/etc/passwd")
        [problem] = refused(made)
        assert made.run(problem.fix.split("`")[1]).returncode == 0
        assert made.look().data == OURS
        assert made.due().steps == (WRITE,)
        made.carries_out(made.due())
        assert not made.due()


class TestFolder:
    def test_a_free_one_becomes_ours(self, empty: Host) -> None:
        assert empty.look().data == FoundData()
        empty.carries_out(empty.due())
        assert empty.look().data == FoundData(DataState.OF, "blue", noted=True)
        assert (empty.root / "data/docker").is_dir()

    @as_root
    def test_it_is_taken_over_with_what_is_in_it(self, older: Host) -> None:
        data = older.root / "data"
        data.chmod(0o777)
        for each in (data, data / "docker"):
            os.chown(each, 4711, 4711)
        older.carries_out(older.due())
        assert (data.stat().st_uid, data.stat().st_mode & 0o777) == (0, 0o755)
        assert (data / "docker").stat().st_uid == 4711, "images stay whose they are"
        os.chown(data, 4711, 4711)
        assert older.look().data.state is DataState.FORGED, "but it stays root's"

    def test_a_link_in_the_place_of_the_images(self, older: Host) -> None:
        """An older version's container can have made one, which the runtime would follow."""
        shutil.rmtree(older.root / "data/docker")
        (older.root / "data/docker").symlink_to("/etc")
        done = older.apply(WRITE, REPLACE)
        assert done.stderr.endswith(f"; making the data folder: {older.root}/data/docker is no folder\n")
        assert "create" not in older.asked()
        assert older.containers() == {"registry": "running"}

    def test_a_link_to_it_is_its_owner_s_way(self, empty: Host) -> None:
        (empty.root / "disk").mkdir()
        (empty.root / "data").symlink_to(empty.root / "disk")
        empty.carries_out(empty.due())
        assert not empty.due()
        assert (empty.root / "disk/.anchorline").read_text() == "blue\n"

    @pytest.mark.parametrize("with_mark", [True, False])
    @pytest.mark.parametrize("with_images", [True, False])
    def test_another_one_in_its_place(self, made: Host, *, with_mark: bool, with_images: bool) -> None:
        data = made.root / "data"
        data.rename(made.root / "was")
        data.mkdir()
        if with_mark:
            mark(made).write_text("blue\n")
        if with_images:
            (data / "docker").mkdir()
        assert made.look().data.state is DataState.ANOTHER
        [problem] = refused(made)
        assert "mount its disk (docker restart registry)" in problem.fix
        shutil.rmtree(data)
        assert made.look().data.state is DataState.ANOTHER, "nor is it gone unnoticed"
        (made.root / "was").rename(data)
        assert made.look().data.state is DataState.OF

    def test_a_device_has_another_number_after_a_boot(self, made: Host) -> None:
        noted = made.folder / "data"
        folder, file, device, boot = noted.read_text().split()
        noted.write_text(f"{folder} {file} {int(device) + 1} {boot}\n")
        assert made.look().data.state is DataState.ANOTHER
        noted.write_text(f"{folder} {file} {int(device) + 1} another-boot\n")
        assert made.look().data.state is DataState.OF
        noted.write_text(f"{folder} {int(file) + 1} {device} another-boot\n")
        assert made.look().data.state is DataState.ANOTHER

    def test_what_is_in_a_folder_of_others_is_not_listed(self, empty: Host) -> None:
        (empty.root / "data").mkdir()
        for number in range(20_000):
            (empty.root / f"data/{number}").touch()
        assert empty.look().data.state is DataState.FOREIGN


class TestCreate:
    @pytest.mark.parametrize(
        ("driver", "rotated"), [("json-file", True), ("local", True), ("journald", False), ("", False)]
    )
    def test_only_a_driver_that_takes_them_is_given_options(self, empty: Host, driver: str, *, rotated: bool) -> None:
        (empty.root / "log-driver").write_text(f"{driver}\n")
        empty.apply(WRITE, CREATE)
        asked = (empty.root / "asked").read_text()
        assert ("--log-opt=max-size=10m --log-opt=max-file=3" in asked) == rotated
        assert "--cap-drop=ALL --cap-add=DAC_OVERRIDE --security-opt=no-new-privileges --pids-limit=4096 " in asked

    def test_a_container_that_was_paused_goes_on(self, made: Host) -> None:
        made.shows(state="paused", at="2")
        assert made.due().why == "the container is paused"
        made.carries_out(made.due())
        assert made.asked() == ["unpause"]
        assert made.containers() == {"registry": "running"}

    def test_one_that_could_not_be_made_takes_none_away(self, old: Host) -> None:
        """The runtime says that there is none, and refuses the name of the one that there is."""
        text = (old.root / "bin/docker").read_text()
        lost = '"$1 $2" = "container inspect" ] && [ ! -e "$ROOT/made" ] && exit 1\n'
        taken = '[ "$1" != create ] || { : >"$ROOT/made"; echo "the name is in use" >&2; exit 1; }\n'
        old.tool("docker", f"[ {lost}{taken}{text}")
        done = old.apply(WRITE, REPLACE)
        assert "creating the container: " in done.stderr
        assert old.containers() == {"registry": "running"}


class TestCutOff:
    @pytest.mark.parametrize("left", ["registry.before", "registry.before.anchorline-new", "registry/x.anchorline-new"])
    def test_what_a_killed_run_left_is_told_and_goes(self, made: Host, left: str) -> None:
        there = made.folder.parent / left
        if left.startswith("registry.before"):
            shutil.copytree(made.folder, there)
        else:
            there.touch()
        due = made.due()
        assert (due.steps, due.why) == ((WRITE,), "a change was cut off")
        made.carries_out(due)
        assert made.asked() == []
        assert not there.exists()
        assert not made.due()

    def test_a_way_back_that_was_killed_goes_on(self, made: Host) -> None:
        secret = (made.folder / "secret").read_text()
        made.folder.rename(made.instance.before)
        made.carries_out(made.due())
        assert (made.folder / "secret").read_text() == secret
        assert not made.due()
