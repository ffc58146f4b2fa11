"""The registry's scripts by several shells: which steps are due, and what is so of our own files afterwards."""

from __future__ import annotations

from hashlib import sha256

import pytest

from anchorline.registry.observed import FileState, FoundFile
from anchorline.registry.scripts import InstanceProbe
from tests.operations.registry.host import (
    CREATE,
    PRESENTED,
    REPLACE,
    RESTART,
    SENT,
    START,
    WRITE,
    Host,
    files,
)


class TestSteps:
    def test_a_container_is_made_once(self, empty: Host) -> None:
        due = empty.due()
        assert due.steps == (WRITE, CREATE)
        empty.carries_out(due)
        assert empty.asked() == ["create", "start"]
        assert not empty.due(), "and nothing is due any more"

    def test_every_path_that_it_writes_is_catalogued(self, empty: Host) -> None:
        empty.carries_out(empty.due())
        (empty.folder / "server.pem").unlink()
        empty.shows(digest="another")
        empty.carries_out(empty.due())
        found = {*(empty.root / "paths").read_text().split(), *map(str, empty.root.glob("data/.*"))}
        folders = {f"{empty.root}/state", str(empty.folder)}
        inside = {each for each in found if each.startswith(f"{empty.instance.before}/")}
        assert inside, "what is kept is a folder"
        assert found - folders - inside == {*empty.instance.paths} - {empty.instance.unloaded}

    def test_an_old_version_s_container_is_replaced_once(self, old: Host) -> None:
        secret = (old.folder / "secret").read_text()
        due = old.due()
        assert due.steps == (WRITE, REPLACE)
        old.carries_out(due)
        assert old.asked() == ["rename", "stop", "create", "start"]
        assert (old.folder / "secret").read_text() == secret, "uploads go on"
        assert not old.due()

    def test_what_an_old_version_wrote_is_noted_without_a_restart(self, made: Host) -> None:
        (made.folder / "files").unlink()
        (made.folder / "started").write_text(f"{PRESENTED.chain}\n")
        due = made.due()
        assert due.steps == (WRITE,)
        made.carries_out(due)
        assert made.asked() == []
        assert not made.due()

    def test_a_restart(self, made: Host) -> None:
        (made.folder / "started").write_text("another chain\n")
        due = made.due()
        assert due.steps == (WRITE, RESTART)
        made.carries_out(due)
        assert made.asked() == ["restart"]
        assert not made.due()

    def test_a_start(self, made: Host) -> None:
        made.run("docker stop -t 1 registry")
        made.asked()
        due = made.due()
        assert due.steps == (START,)
        made.carries_out(due)
        assert made.asked() == ["start"]
        assert not made.due()


class TestOwnFiles:
    @pytest.mark.parametrize("name", ["config.yml", "ca.pem", "server.pem", "server-key.pem"])
    @pytest.mark.parametrize("how", ["edited", "deleted"])
    def test_somebody_had_his_hands_on_one(self, made: Host, name: str, how: str) -> None:
        """It is named and put back, and the container goes on: it hasn't read it."""
        before = files(made.folder)
        if how == "edited":
            (made.folder / name).write_text(before[name] + "# mine\n")
        else:
            (made.folder / name).unlink()
        due = made.due()
        assert due.steps == (WRITE,)
        assert due.why == f"{name} {'changed on the host' if how == 'edited' else 'missing'}"
        made.carries_out(due)
        assert made.asked() == []
        assert files(made.folder) == before
        assert not made.due()

    @pytest.mark.parametrize("name", ["config.yml", "server-key.pem"])
    def test_the_container_may_have_read_it(self, made: Host, name: str) -> None:
        (made.folder / name).write_text("mine\n")
        made.run("docker restart -t 1 registry")
        made.asked()
        due = made.due()
        assert due.steps == (WRITE, RESTART)
        made.carries_out(due)
        assert made.asked() == ["restart"]
        assert not made.due()

    def test_a_restart_by_somebody_else_is_nothing(self, made: Host) -> None:
        made.run("docker restart -t 1 registry")
        assert not made.due()

    def test_the_secret_is_the_host_s_own(self, made: Host) -> None:
        secret = (made.folder / "secret").read_text()
        assert len(secret) == 64
        assert secret in (made.folder / "config.yml").read_text()
        said = made.run(InstanceProbe.about(made.instance).text).stdout
        key = sha256(SENT["server-key.pem"].encode()).hexdigest()
        assert key in (made.folder / "files").read_text()
        assert all(each not in said for each in (secret, key)), "neither it nor the key's digest is told"
        assert f"file kept config.yml {made.instance.configured}" in said.splitlines()

    def test_a_secret_that_is_lost_is_made_again(self, made: Host) -> None:
        (made.folder / "secret").write_text("\n")
        made.carries_out(made.due())
        assert len((made.folder / "secret").read_text()) == 64
        assert not made.due()

    def test_another_secret_in_the_configuration_alone_is_seen(self, made: Host) -> None:
        text = (made.folder / "config.yml").read_text()
        (made.folder / "config.yml").write_text(text.replace((made.folder / "secret").read_text(), "0" * 64))
        assert made.look().files["config.yml"].state is FileState.CHANGED
        assert made.due().steps == (WRITE,)

    def test_how_files_lie_that_nobody_noted(self, old: Host) -> None:
        has = old.look()
        assert has.files["server-key.pem"] == FoundFile(FileState.UNKNOWN)
        assert has.files["server.pem"] == FoundFile(FileState.UNKNOWN, sha256(b"old\n").hexdigest())
        assert has.files["config.yml"] == FoundFile(FileState.MISSING)
