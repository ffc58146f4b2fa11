"""The registry's scripts by several shells, over a folder that is the state, with a Docker that notes what it does."""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from anchorline.fleet.scripts import stdin
from anchorline.registry import distribution
from anchorline.registry.desired import Instance, Presented
from anchorline.registry.observed import FileState, FoundFile, ObservedRegistry, read
from anchorline.registry.plan import InstancePlan, InstanceStep, plan
from anchorline.registry.scripts import Apply, InstanceProbe
from anchorline.spec.model import Registry

WRITE, CREATE, REPLACE = InstanceStep.WRITE, InstanceStep.CREATE, InstanceStep.REPLACE
RESTART, START = InstanceStep.RESTART, InstanceStep.START
PRESENTED = Presented("", sha256(b"new\n").hexdigest(), sha256(b"ca\n").hexdigest())
BEFORE = {"server.pem": "old\n", "server-key.pem": "old key\n", "started": "chain\n", "secret": "s3\n"}
SENT = {"ca.pem": "ca\n", "server.pem": "new\n", "server-key.pem": "new key\n"}
# containers are files: a line each for the state, when it started, and the digest that it is labelled with
DOCKER = r"""
there=$ROOT/containers
case "$1 $2" in
    'image inspect' | 'image load' | 'image pull') [ ! -e "$ROOT/no-image" ] || exit 1; echo sha256:1; exit 0 ;;
    'version --format') echo 28.0; exit 0 ;;
    'container inspect')
        for name; do :; done
        [ -f "$there/$name" ] || exit 1
        { read -r state; read -r at; read -r digest; } <"$there/$name"
        case $4 in
            *Labels*) echo "/$name $state id blue $digest" ;;
            *RestartCount*) echo "$state 0" ;;
            *StartedAt*) echo "$at" ;;
            *Pid*) echo $PPID ;;
        esac
        exit 0 ;;
esac
echo "$*" >>"$ROOT/asked"
find "$ROOT/state" >>"$ROOT/paths"
n=$(wc -l <"$ROOT/asked")
begin() { sed -i "1s/.*/running/; 2s/.*/$n/" "$there/$1"; }
case $1 in
    create)
        digest=$(printf '%s\n' "$@" | sed -n 's/--label=anchorline.spec=//p')
        printf 'created\n-\n%s\n' "$digest" >"$there/$3" ;;
    start) [ ! -e "$ROOT/no-start" ] || { echo 'port is already allocated' >&2; exit 1; }; begin "$2" ;;
    restart) begin "$4" ;;
    stop) sed -i '1s/.*/exited/' "$there/$4" ;;
    rename) [ ! -e "$ROOT/no-rename" ] || exit 1; mv "$there/$2" "$there/$3" ;;
    rm) rm -f "$there/$3" ;;
    logs) echo 'what the container said' ;;
esac
"""


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def answering() -> Iterator[int]:
    """A port at which /v2/ answers, as the registry's proxy would."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@dataclass
class Host:
    """A folder as the registry's host, with a Docker of its own."""

    root: Path
    shell: list[str]
    port: int

    @property
    def instance(self) -> Instance:
        """The registry of a spec in local mode, which is asked without TLS, but with the files of remote mode."""
        remote = Registry.model_validate(
            {"address": "localhost", "certificate": "s", "listen": f"127.0.0.1:{self.port}"}
        )
        made = distribution.instance("blue", remote)
        health = replace(made.health, tls=False)
        return replace(
            made, folder=f"{self.root}/state/registry", data=f"{self.root}/data", health=health, inside=self.port
        )

    @property
    def folder(self) -> Path:
        return self.root / "state/registry"

    def tool(self, name: str, text: str = "") -> None:
        (self.root / "bin").mkdir(exist_ok=True)
        (self.root / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.root / "bin" / name).chmod(0o755)

    def shows(self, name: str = "registry", state: str = "running", at: str = "-", digest: str = "") -> None:
        """There is a container."""
        (self.root / "containers" / name).write_text(f"{state}\n{at}\n{digest or self.instance.digest}\n")

    def run(self, text: str, data: str = "") -> subprocess.CompletedProcess[str]:
        path = f"{self.root}/bin:{os.environ['PATH']}"
        environment = {"PATH": path, "ROOT": str(self.root)}
        return subprocess.run(
            [*self.shell, "-c", text], input=data, capture_output=True, text=True, env=environment, timeout=60
        )

    def apply(
        self, *steps: InstanceStep, files: tuple[str, ...] = ("config.yml", *SENT)
    ) -> subprocess.CompletedProcess[str]:
        """Take steps, with all files or some."""
        wanted = self.instance
        contents = {**SENT, "config.yml": wanted.configuration}
        sent = [wanted.file(each, contents[each.name]) for each in wanted.files if each.name in files]
        made = Apply.of(wanted, InstancePlan(steps, "why"), PRESENTED, "")
        script = replace(made, state=f"{self.root}/state", drain=1, patience=1)
        return self.run(script.text, stdin(sent if WRITE in steps else []))

    def carries_out(self, due: InstancePlan) -> None:
        done = self.apply(*due.steps, files=tuple(each.name for each in due.files))
        assert done.returncode == 0, done.stderr

    def look(self) -> ObservedRegistry:
        done = self.run(InstanceProbe.about(self.instance).text)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return read(done.stdout.splitlines(), self.instance)

    def due(self) -> InstancePlan:
        return plan(self.look(), self.instance, PRESENTED)

    def asked(self) -> list[str]:
        """What was asked of Docker, by its first word; forgotten afterwards."""
        file = self.root / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [line.split()[0] for line in lines if line.split()[0] not in ("rm", "logs")]

    def containers(self) -> dict[str, str]:
        return {each.name: each.read_text().split()[0] for each in (self.root / "containers").iterdir()}


def files(folder: Path) -> dict[str, str]:
    return {each.name: each.read_text() for each in folder.iterdir()}


@pytest.fixture
def empty(tmp_path: Path, shell: list[str], answering: int) -> Host:
    """A host on which nothing of ours is."""
    (tmp_path / "containers").mkdir()
    host = Host(tmp_path, shell, answering)
    host.tool("docker", DOCKER)
    host.tool("nft", "exit 1")
    return host


@pytest.fixture
def old(empty: Host) -> Host:
    """A host with the files and the container of a version that noted no digests."""
    empty.folder.mkdir(parents=True)
    for name, text in BEFORE.items():
        (empty.folder / name).write_text(text)
    empty.shows(digest="of another version")
    return empty


@pytest.fixture
def mute(old: Host) -> Host:
    """The same, where nobody listens on the port: nothing gets healthy."""
    return replace(old, port=1)


@pytest.fixture
def made(empty: Host) -> Host:
    """A host that has been deployed."""
    empty.carries_out(empty.due())
    assert not empty.due()
    empty.asked()
    return empty


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
            assert asked == ["rename", "stop", "create", "start", "rename", "start"]
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


# a table that lists what is there, and notes what goes
NFT = r"""
case $* in
    *'list table inet anchorline') cat "$ROOT/table" 2>/dev/null ;;
    'delete table '*) echo "$*" >>"$ROOT/nft"; [ "$4" != anchorline ] || rm -f "$ROOT/table" ;;
    '-f -') cat >>"$ROOT/nft" ;;
esac
"""
HELD = "table inet anchorline {{\n  set held {{\n    type inet_service\n    flags timeout\n{}  }}\n}}\n"


class TestHold:
    def test_the_table_is_this_site_s_and_this_instance_s(self, made: Host) -> None:
        made.tool("nft", NFT)
        (made.folder / "started").write_text("another chain\n")
        made.carries_out(made.due())
        lines = (made.root / "nft").read_text().splitlines()
        assert "table inet anchorline_blue_registry {" in lines
        assert lines[-1] == "delete table inet anchorline_blue_registry", "it is let go"
        assert "inet anchorline " not in " ".join(lines)

    @pytest.mark.parametrize(
        ("elements", "goes"),
        [
            ("", True),  # let go, or it has ended
            (
                "    elements = {{ {port} timeout 40s expires 12s }}\n",
                True,
            ),  # ours, and no old script of this site is at work
            ("    elements = {{ 5000 timeout 40s expires 12s }}\n", False),  # another site's old script may be
            ("    elements = {{ 5000 timeout 40s expires 12s, {port} timeout 40s expires 12s }}\n", True),
        ],
    )
    def test_the_table_that_all_sites_had(self, made: Host, elements: str, *, goes: bool) -> None:
        made.tool("nft", NFT)
        (made.root / "table").write_text(HELD.format(elements.format(port=made.port)))
        (made.folder / "ca.pem").unlink()
        made.carries_out(made.due())
        assert (made.root / "table").exists() == (not goes)
