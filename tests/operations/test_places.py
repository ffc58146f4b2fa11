"""Whose a place is, and what a user can't do to us by it: real users and real links, by several shells."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from anchorline.fleet.scripts import File, script
from tests.operations.users import ANCHOR, JOE, KEPT, MARY, NAME, Host, a_host


@pytest.fixture
def host(shell: list[str]) -> Iterator[Host]:
    with a_host(shell) as found:
        yield found


def whose(host: Host, path: Path | str) -> tuple[str, str]:
    user, blame = host.says(script() + f"whose '{path}'\nprintf '%s\\n%s\\n' \"$whose\" \"$blame\"").splitlines()
    return user, blame.removeprefix(str(host.root))


class TestWhose:
    def test_roots_alone(self, host: Host) -> None:
        for path in (
            "/",
            "/etc/hosts",
            host.secret / "file",
            host.secret / "not/there",
            f"{host.root}/./home/../secret",
        ):
            assert whose(host, path) == ("root", "")

    def test_a_users(self, host: Host) -> None:
        host.folder(NAME)
        for path in (host.home, host.home / NAME / "x", f"{host.home}/../joe/x"):
            assert whose(host, path) == (str(JOE), "/home/joe")
        (host.home / "of root").mkdir()
        assert whose(host, host.home / "of root/x") == (str(JOE), "/home/joe"), "who can rename what lies below"
        host.give(host.secret / "file", to=MARY)
        assert whose(host, host.secret / "file") == (str(MARY), "/secret/file")

    def test_links(self, host: Host) -> None:
        (host.root / "by-root").symlink_to("home/joe")
        (host.root / "round").symlink_to("round")
        (host.home / "by-joe").symlink_to(host.secret)
        assert whose(host, host.root / "by-root/x") == (str(JOE), "/home/joe")
        assert whose(host, host.home / "by-joe/file") == (str(JOE), "/home/joe")
        (host.root / "to-secret").symlink_to(host.secret)
        assert whose(host, host.root / "to-secret/file") == ("root", "")
        (host.root / "back").symlink_to(host.home / "by-joe")
        assert whose(host, host.root / "back/file") == (str(JOE), "/home/joe"), (
            "where a user's link leads is the user's say"
        )
        assert whose(host, host.root / "round/x")[0] in {"root", ""}, "and it ends"

    def test_what_several_can_write_to(self, host: Host) -> None:
        common = host.root / "common"
        common.mkdir()
        (common / "of root").mkdir()
        common.chmod(0o777)
        assert whose(host, common / "x") == whose(host, common / "of root") == ("", "/common")
        common.chmod(0o1777)
        assert whose(host, common / "of root") == ("root", ""), "a sticky folder's entries stay"
        assert whose(host, common / "x") == ("", "/common"), "and anybody can make new ones"
        (common / "joes").mkdir()
        host.give(common / "joes")
        assert whose(host, common / "joes/x") == (str(JOE), "/common/joes")

    def test_a_group(self, host: Host) -> None:
        common = host.root / "common"
        common.mkdir()
        os.chown(common, 0, 61234)
        common.chmod(0o2775)
        for members, told in {
            "": ("root", ""),
            "root": ("root", ""),
            "joe": ("", "/common"),
            "root,joe": ("", "/common"),
        }.items():
            host.tool("getent", f'echo "staff:x:61234:{members}"')
            assert whose(host, common / "x") == told
        os.chown(common, 0, 0)
        assert whose(host, common / "x") == ("root", "")
        host.tool("ls", "echo 'drwxrwxr-x+ 2 root root 4096 x'")
        assert whose(host, common / "x") == ("", "/common"), "a list names others"

    def test_where_nothing_can_be_told_it_is_nobodys(self, host: Host) -> None:
        host.tool("stat", "exit 1")
        assert whose(host, "/etc/hosts")[0] == ""


def trap_fresh_link(host: Host, place: Path) -> None:
    place.joinpath(f"{ANCHOR}.anchorline-new").symlink_to(host.secret / "file")


def trap_hard_link(host: Host, place: Path) -> None:
    os.link(host.secret / "file", place / f"{ANCHOR}.anchorline-new")


def trap_link(host: Host, place: Path) -> None:
    (place / ANCHOR).symlink_to(host.secret / "file")


def trap_link_to_a_folder(host: Host, place: Path) -> None:
    (place / ANCHOR).symlink_to(host.secret)


def linked(depth: int) -> Callable[[Host, Path], None]:
    def trap(host: Host, place: Path) -> None:
        at = place.parents[depth - 1] if depth else place
        at.rename(at.with_name("away"))
        at.symlink_to(host.secret)

    return trap


def trap_folder(_: Host, place: Path) -> None:
    (place / ANCHOR).mkdir()


def trap_fifo(_: Host, place: Path) -> None:
    os.mkfifo(place / f"{ANCHOR}.anchorline-new")


def trap_closed(_: Host, place: Path) -> None:
    place.chmod(0o500)


def trap_of_root(host: Host, place: Path) -> None:
    """As an older version, or the admin, left it."""
    host.give(place, to=0)


HARMLESS = (trap_fresh_link, trap_hard_link, trap_link, trap_fifo)
HINDERING = (trap_link_to_a_folder, *map(linked, range(4)), trap_folder, trap_closed, trap_of_root)


class TestFiles:
    def test_in_a_home_they_are_the_users(self, host: Host) -> None:
        path = host.home / NAME / ANCHOR
        assert host.puts(File(str(path), "one\n"), File(f"{path}2", "two\n\\n %s 'x'\n")) == (0, "", "")
        assert (path.read_text(), Path(f"{path}2").read_text()) == ("one\n", "two\n\\n %s 'x'\n")
        for each in (path, *path.parents[:4]):
            assert (each.stat().st_uid, each.stat().st_gid) == (JOE, 65534)
        assert path.stat().st_mode & 0o777 == 0o644
        assert host.left() == []

    @pytest.mark.parametrize("trap", HARMLESS, ids=lambda each: each.__name__)
    def test_a_link_that_waits_there_is_replaced(self, host: Host, trap: Callable[[Host, Path], None]) -> None:
        place = host.folder(NAME)
        trap(host, place)
        before = [each[:3] + each[4:] for each in host.secrets()]
        assert host.puts(File(str(place / ANCHOR), "one\n")) == (0, "", "")
        assert [each[:3] + each[4:] for each in host.secrets()] == before
        assert (place / ANCHOR).read_text() == "one\n"
        assert host.left() == []

    @pytest.mark.parametrize("trap", HINDERING, ids=lambda each: each.__name__)
    def test_a_user_who_hinders_it_hinders_nothing_else(self, host: Host, trap: Callable[[Host, Path], None]) -> None:
        place = host.folder(NAME)
        trap(host, place)
        before = host.secrets()
        code, out, err = host.puts(File(str(place / ANCHOR), "one\n"), File(f"{host.root}/etc/x", "two\n"))
        assert (code, err) == (0, "")
        assert out.startswith(f"passed {place / ANCHOR}: ")
        assert out.count("\n") == 1
        assert host.secrets() == before
        assert (host.root / "etc/x").read_text() == "two\n"

    def test_nothing_is_placed_where_several_can_write(self, host: Host) -> None:
        common = host.root / "common"
        common.mkdir()
        common.chmod(0o777)
        code, _, err = host.puts(File(f"{host.root}/etc/x", "one\n"), File(f"{common}/sub/y", "two\n"))
        assert code == 1
        assert f"others than root can change {common}: chown root and chmod go-w it" in err
        assert not (host.root / "etc/x").exists()
        assert list(common.iterdir()) == []
        assert host.left() == []
        common.chmod(0o755)
        assert host.puts(File(f"{common}/sub/y", "two\n"))[0] == 0, "the control"

    @pytest.mark.parametrize("kind", ["folder", "link"])
    def test_a_file_of_others_that_a_user_says_which_it_is(self, host: Host, kind: str) -> None:
        if kind == "folder":
            path = host.home / "config.toml"
            path.symlink_to(host.secret / "file")
        else:
            (host.home / "leads").symlink_to(host.secret / "file")
            path = host.root / "config.toml"
            path.symlink_to(host.home / "leads")
        unchanged = f"{os.popen(f'sha256sum <{host.secret}/file').read().split()[0]} {path}"
        sources = ("fleet/shell/users.sh", "fleet/shell/files.sh", "trust/stores/merged.sh")
        done = host.run(script(*sources, unchanged=unchanged) + "as_they_were\n")
        assert done.returncode == 1
        assert f"{path}: others than root can change {host.home}" in done.stderr
        own = host.secret / "own"
        own.symlink_to("file")
        assert host.run(script(*sources, unchanged=unchanged.split()[0] + f" {own}") + "as_they_were\n").returncode == 0
        host.give(host.secret / "file", to=MARY)
        assert (
            host.run(script(*sources, unchanged=unchanged.split()[0] + f" {own}") + "as_they_were\n").returncode == 0
        ), "a service's own file in root's folder"


class TestAs:
    SOURCES = ("fleet/shell/users.sh", "fleet/shell/files.sh", "fleet/shell/lock.sh")

    def says(self, host: Host, user: int | str, text: str, *, before: str = "", file: str = "/dev/null") -> str:
        return host.says(script(*self.SOURCES, text=text) + f'{before}\nas {user} {file} "$text" "a b" "it\'s"\n')

    # su knows whom this machine knows
    @pytest.mark.parametrize(("user", "setpriv"), [(JOE, True), ("joe", True), ("nobody", True), ("nobody", False)])
    def test_a_user_sees_nothing_of_ours(self, host: Host, user: int | str, setpriv: bool) -> None:
        if not setpriv:
            host.tool("setpriv", "exit 1")
        uid = JOE if user != "nobody" else int(os.popen("id -u nobody").read())
        before = f"SECRET=1; export SECRET; locked '{host.secret}/lock' '{host.secret}' 0 x; exec 3<{host.secret}/file"
        out = self.says(host, user, 'id -u; pwd; echo "$1|$2"; env; ls -l /proc/self/fd', before=before)
        assert out.splitlines()[:3] == [str(uid), "/", "a b|it's"]
        assert "SECRET" not in out
        assert "ROOT" not in out
        assert str(host.secret) not in out
        assert (host.secret / "lock").stat().st_mode & 0o777 == 0o600

    def test_what_a_user_starts_holds_no_lock(self, host: Host) -> None:
        before = f"locked '{host.secret}/lock' '{host.secret}' 0 x"
        self.says(host, JOE, "sleep 3 >/dev/null 2>&1 &", before=before)
        with (host.secret / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_a_user_holds_up_nobody(self, host: Host) -> None:
        """One whose process hears no signal, and leaves another behind that has what it writes to open."""
        fast = script(*self.SOURCES).replace("timeout -k 2 20", "timeout -k 1 1").replace("timeout 25", "timeout 3")
        text = 'trap "" TERM INT HUP PIPE; (sleep 9) & while :; do sleep 1; done'
        began = time.monotonic()
        host.says(fast + f"as {JOE} /dev/null '{text}'\necho after\n")
        assert time.monotonic() - began < 8

    def test_what_a_user_says_ends(self, host: Host) -> None:
        assert len(self.says(host, JOE, "yes")) == 65536

    def test_root_is_asked_the_same_way(self, host: Host) -> None:
        assert self.says(host, "root", 'id -u; echo "$1|$2"') == "0\na b|it's\n"


class TestPrograms:
    def test_a_path_that_others_can_put_programs_in(self, host: Host) -> None:
        (host.root / "of root").mkdir()
        common = host.root / "common"
        common.mkdir(mode=0o777)
        common.chmod(0o777)
        told = [
            host.program(each / "tool") for each in (host.folder("bin"), common, host.home, Path(host.root / "here"))
        ]
        inherited = f"{host.home}/bin:.::bin:{host.root}/of root:{common}:{host.home}:/usr/bin"
        text = script() + f'cd "{host.root}/here"\ncommand -v tool\necho "$PATH"\ntool\n'
        done = host.run(text, before=f"PATH='{inherited}'\n")
        assert done.stdout.splitlines()[0] == f"{host.root}/of root:/usr/bin:/usr/local/sbin:/usr/sbin:/sbin:" + (
            "/usr/local/bin:/usr/bin:/bin:/run/current-system/sw/bin"
        )
        assert not any(each.exists() for each in told)

    def test_the_check_itself_runs_nothing_of_theirs(self, host: Host) -> None:
        tools = host.folder("bin")
        told = [host.program(tools / name) for name in ("stat", "readlink", "ls", "awk", "getent", "sh", "cat", "grep")]
        host.run(script() + "whose /tmp\n", before=f"PATH='{tools}:{os.environ['PATH']}'\n")
        assert not any(each.exists() for each in told)

    def test_temporary_files_come_where_root_alone_is(self, host: Host) -> None:
        assert host.says("TMPDIR=/home/joe; export TMPDIR\n" + script() + 'echo "[$TMPDIR]"\n') == "[]\n"


class TestLock:
    def locks(self, host: Host, seconds: int = 0) -> subprocess.CompletedProcess[str]:
        state = host.root / "lib/sites"
        text = script("fleet/shell/files.sh", "fleet/shell/lock.sh")
        return host.run(text + f"locked '{state.parent}/lock' '{state}' {seconds} 'another run'\necho locked\n")

    def test_whoever_locks_the_folder_holds_nobody_up(self, host: Host) -> None:
        assert self.locks(host).stdout == "locked\n"
        state = host.root / "lib/sites"
        lock = state.parent / "lock"
        assert (lock.stat().st_mode & 0o777, state.stat().st_mode & 0o777) == (0o600, 0o755)
        assert self.as_joe(f"exec 9<{lock}").returncode, "nobody else can open it"
        with subprocess.Popen(
            ["setpriv", f"--reuid={JOE}", "--clear-groups", "flock", state, "sleep", "20"], text=True
        ) as other:
            try:
                wait_for(state)
                assert self.locks(host).stdout == "locked\n"
            finally:
                other.kill()

    def test_an_older_version_is_waited_for(self, host: Host) -> None:
        self.locks(host)
        state = host.root / "lib/sites"
        holds = ["sh", "-c", 'exec 9<"$1"; flock 9; exec sleep 3', "-", str(state)]
        with subprocess.Popen(holds):
            wait_for(state)
            done = self.locks(host)
            assert (done.returncode, done.stderr) == (1, "another run, for 0 s now\n")
            assert self.locks(host, 20).stdout == "locked\n"

    def test_an_older_version_waits_for_us(self, host: Host) -> None:
        state = host.root / "lib/sites"
        text = script("fleet/shell/files.sh", "fleet/shell/lock.sh")
        text += f"locked '{state.parent}/lock' '{state}' 0 x\nflock -n '{state}' true && echo free || echo held\n"
        assert host.says(text) == "held\n"

    def test_a_lock_that_went_with_the_last_site_is_nobodys(self, host: Host) -> None:
        """Who waits for it takes the one that is there then, not the one that is gone."""
        self.locks(host)
        lock = host.root / "lib/lock"
        with lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            text = script("fleet/shell/files.sh", "fleet/shell/lock.sh")
            text += f"locked '{lock}' '{lock.parent}/sites' 20 x\n! flock -n '{lock}' true && echo held\n"
            waiting = subprocess.Popen([*host.shell, "-c", text], stdout=subprocess.PIPE, text=True)
            time.sleep(0.5)
            (lock.parent / "sites").rmdir()
            lock.unlink()
            lock.parent.rmdir()
        assert waiting.communicate(timeout=30)[0] == "held\n"

    def test_a_folder_that_cannot_be_made(self, host: Host) -> None:
        (host.root / "lib").write_text("a file\n")
        done = self.locks(host)
        assert (done.returncode, done.stderr) == (1, f"can't make the folder {host.root}/lib/sites\n")

    def as_joe(self, text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["setpriv", f"--reuid={JOE}", "--clear-groups", "sh", "-c", text], capture_output=True, text=True
        )


def wait_for(folder: Path) -> None:
    """Until somebody has locked it."""
    deadline = time.monotonic() + 10
    while subprocess.run(["flock", "-n", folder, "true"]).returncode == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_play_itself(host: Host) -> None:
    """A user can't write where root alone can, or all of this proves nothing."""
    for text in (
        f"echo x >{host.secret}/file",
        f"cat {host.secret}/file",
        f"ls {host.secret}",
        f"echo x >{host.root}/x",
    ):
        done = subprocess.run(
            ["setpriv", f"--reuid={JOE}", "--clear-groups", "sh", "-c", text], capture_output=True, text=True
        )
        assert done.returncode
    assert (host.secret / "file").read_text() == KEPT
