"""Host keys against real sshd: one that is unknown or has changed is refused, and the command that is said ends it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchorline.cli.known_hosts import Compared, Way, scan
from tests.preloaded import loaded

from .sites import init, root_ca, run
from .sshd import Sshd, fingerprint, host, keygen

BIN = Path(sys.executable).parent


class Fleet:
    """A site that ``init`` has made, with hosts on the loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a site"
        assert (
            init(
                self.folder, "--registry", "none", "--ca", str(root_ca(folder / "root.pem")), "--clients", "x"
            ).exit_code
            == 0
        )
        self.known = self.folder / "inventory/known_hosts"
        self.home = folder / "home"
        self.home.mkdir()
        (self.home / ".ssh").mkdir(mode=0o700)

    def has(self, **hosts: Sshd) -> None:
        data = {
            name: {"ssh_hostname": "127.0.0.1", "ssh_port": each.port, "ssh_key": str(each.folder / "user")}
            for name, each in hosts.items()
        }
        self.says([*data.items()])

    def says(self, clients: list[tuple[str, dict[str, object]]]) -> None:
        (self.folder / "inventory/hosts.py").write_text(f"registry = []\nclients = {clients!r}\n")

    @property
    def environment(self) -> dict[str, str]:
        path = f"{BIN}:{os.environ['PATH']}"
        return {**os.environ, "HOME": str(self.home), "PATH": path, "SSH_AUTH_SOCK": "", "COLUMNS": "400"}

    def keys(self, *arguments: str) -> tuple[int, str]:
        ran = loaded("anchorline").run(["host-keys", *arguments], self.folder, self.environment)
        assert "Traceback" not in ran.stderr
        return ran.returncode, ran.stdout + ran.stderr

    def status(self) -> str:
        """Each host is asked, and changed in nothing."""
        ran = loaded("pyinfra").run(["-y", "inventory", "anchorline.report.status"], self.folder, self.environment)
        return ran.stdout + ran.stderr

    def paste(self, command: str) -> str:
        ran = subprocess.run(
            ["sh", "-c", command], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        return ran.stdout + ran.stderr


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


@pytest.fixture
def web1(tmp_path: Path) -> Iterator[Sshd]:
    made = host(tmp_path / "web1", "ed25519", "ecdsa")
    with made.up():
        yield made


@pytest.fixture
def web2(tmp_path: Path) -> Iterator[Sshd]:
    made = host(tmp_path / "web2")
    with made.up():
        yield made


def refused(said: str, name: str) -> bool:
    return bool(re.search(rf"^{name}\s+unreachable", said, re.MULTILINE))


def advice(said: str) -> str:
    """The command that a run says for a host's keys."""
    found = re.search(r"anchorline host-keys --limit [^\n]*", said)
    assert found, said
    return found[0].strip()


def test_keys_are_shown_as_openssh_tells_them_and_written_when_told(fleet: Fleet, web1: Sshd) -> None:
    fleet.has(web1=web1)
    code, said = fleet.keys()
    assert code == 0
    assert f"web1 ({web1.entry}): new, not in inventory/known_hosts" in said
    for kind in web1.kinds:
        assert fingerprint(web1.key(kind)) in said
    assert said.endswith("If they agree: anchorline host-keys --write\n")
    assert not fleet.known.exists()
    code, said = fleet.keys("--write")
    assert (code, "new, added to inventory/known_hosts" in said) == (0, True)
    assert "Still" not in said
    before = fleet.known.read_text()
    assert sorted(before.splitlines()) == sorted(
        " ".join([web1.entry, *Path(f"{web1.key(kind)}.pub").read_text().split()[:2]]) for kind in web1.kinds
    )
    assert fleet.known.stat().st_mode & 0o777 == 0o644
    code, said = fleet.keys("--write")
    assert (code, said) == (0, f"web1 ({web1.entry}): as in inventory/known_hosts\n")
    assert fleet.known.read_text() == before


def test_an_unknown_host_is_refused_and_the_others_go_on(fleet: Fleet, web1: Sshd, web2: Sshd) -> None:
    fleet.has(web1=web1, web2=web2)
    assert refused(fleet.status(), "web1"), "a new site knows nobody"
    fleet.keys("--limit", "web2", "--write")
    said = fleet.status()
    assert refused(said, "web1")
    assert not refused(said, "web2")
    assert f"No host key for {web1.entry} found in known_hosts" in said
    fleet.paste(advice(said))
    said = fleet.status()
    assert not refused(said, "web1")
    assert not refused(said, "web2")


def test_a_changed_key_is_refused_told_and_replaced_by_hand_alone(fleet: Fleet, web1: Sshd, web2: Sshd) -> None:
    fleet.has(web1=web1, web2=web2)
    fleet.keys("--write")
    assert not refused(fleet.status(), "web1"), "or this proves nothing"
    old, before = fingerprint(web1.key()), fleet.known.read_text()
    new = host(web1.folder.parent / "anew", "ed25519")
    fleet.has(web1=new, web2=web2)
    fleet.known.write_text(before.replace(web1.entry, new.entry))
    before = fleet.known.read_text()
    with new.up():
        said = fleet.status()
        assert refused(said, "web1")
        assert not refused(said, "web2")
        for arguments in ((), ("--write",)):
            code, said_of_keys = fleet.keys(*arguments)
            assert code == 1
            assert "web1" in said_of_keys
            assert "CHANGED" in said_of_keys
            assert f"was ssh-ed25519 {old}" in said_of_keys
            assert f"now ssh-ed25519 {fingerprint(new.key())}" in said_of_keys
            assert fleet.known.read_text() == before
        told = fleet.paste(advice(said))
        fix = re.search(r"if its console says the same: (.*)", told)
        assert fix, told
        assert "new, added" in fleet.paste(fix[1])
        said = fleet.status()
        assert not refused(said, "web1")
        assert not refused(said, "web2")


def test_without_the_lines_of_init_the_first_key_is_taken_and_a_changed_one_is_not(fleet: Fleet, web1: Sshd) -> None:
    """The control: so pyinfra has it. host-keys says what is missing."""
    (fleet.folder / "group_data/all.py").write_text("")
    fleet.has(web1=web1)
    assert not refused(fleet.status(), "web1")
    assert web1.entry in (fleet.home / ".ssh/known_hosts").read_text()
    code, said = fleet.keys("--write")
    assert (code, "Still: group_data/all.py: ANC321" in said) == (0, True)
    keygen(fleet.folder / "other")
    other = " ".join((fleet.folder / "other.pub").read_text().split()[:2])
    (fleet.home / ".ssh/known_hosts").write_text(f"{web1.entry} {other}\n")
    assert refused(fleet.status(), "web1")


def test_hashed_and_torn_files_are_read_and_added_to(fleet: Fleet, web1: Sshd, web2: Sshd) -> None:
    fleet.has(web1=web1)
    fleet.keys("--write")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(fleet.known)], check=True, capture_output=True)
    fleet.known.write_text(fleet.known.read_text().rstrip("\n"))
    fleet.has(web1=web1, web2=web2)
    code, said = fleet.keys("--write")
    assert code == 0
    assert f"web1 ({web1.entry}): as in" in said
    assert f"web2 ({web2.entry}): new" in said
    said = fleet.status()
    assert not refused(said, "web1")
    assert not refused(said, "web2")


def test_one_that_is_down_and_one_that_hangs_are_told_in_time(fleet: Fleet, tmp_path: Path, web1: Sshd) -> None:
    down = host(tmp_path / "down")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        hangs = host(tmp_path / "hangs")
        hangs.port = mute.getsockname()[1]
        fleet.has(web1=web1, down=down, hangs=hangs)
        begin = time.monotonic()
        code, said = fleet.keys("--write")
        assert time.monotonic() - begin < 30
    assert code == 1
    assert f"down ({down.entry}): no answer" in said
    assert f"hangs ({hangs.entry}): no answer" in said
    assert f"web1 ({web1.entry}): new, added" in said


def test_a_host_that_says_nonsense_harms_no_other(web1: Sshd) -> None:
    """It puts a line into its greeting that would be another host's key."""
    line = f"{web1.entry} {(web1.folder / 'user.pub').read_text()}"

    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(6):
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(f"SSH-2.0-x\x1b[2J\r{line}\r\n{line}\n".encode())

        threading.Thread(target=answer, daemon=True).start()
        assert scan(server.getsockname()[1], ["127.0.0.1"]) == {}
        server.shutdown(socket.SHUT_RDWR)


def test_bastions_are_told_with_the_way_through(fleet: Fleet, web1: Sshd) -> None:
    (fleet.folder / "ssh_config").write_text(
        "Host deep\n    ProxyJump ops@outer,inner\n"
        "Host near\n    ProxyJump inner\n    HostName 10.0.0.7\n    Port 2200\n"
        "Host odd\n    ProxyCommand nc -X 5 %h %p\n"
    )
    config: dict[str, object] = {"ssh_config_file": "ssh_config"}
    here: dict[str, object] = {"ssh_hostname": "127.0.0.1", "ssh_port": web1.port, **config}
    fleet.says([("deep", config), ("near", config), ("odd", config), ("web1", here)])
    code, said = fleet.keys()
    assert code == 1
    to = ">>inventory/known_hosts"
    assert f"ssh -F ssh_config -J ops@outer inner ssh-keyscan -p 22 deep {to}" in said
    assert f"ssh -F ssh_config inner ssh-keyscan -p 2200 10.0.0.7 {to}" in said
    assert "odd: reached through nc -X 5 %h %p" in said
    assert f"web1 ({web1.entry}): new" in said


def test_the_file_of_the_inventory_is_the_one(fleet: Fleet, web1: Sshd) -> None:
    entry: dict[str, object] = {"ssh_hostname": "127.0.0.1", "ssh_port": web1.port}
    fleet.says([("a", {**entry, "ssh_known_hosts_file": "keys/known"}), ("@local", {}), ("@ssh/b", {"ssh_port": 1})])
    code, said = fleet.keys("--limit", "a", "--write")
    assert (code, "added to keys/known" in said) == (0, True)
    assert (fleet.folder / "keys/known").is_file()
    (fleet.folder / "group_data/all.py").write_text('ssh_strict_host_key_checking = "yes"\n')
    fleet.says([("a", entry)])
    assert f"added to {fleet.home}/.ssh/known_hosts" in fleet.keys("--write")[1]
    assert fleet.keys("--limit", "nobody")[0] == 1


def test_a_file_that_others_can_write_vouches_for_nobody(fleet: Fleet, web1: Sshd) -> None:
    fleet.has(web1=web1)
    fleet.keys("--write")
    fleet.known.chmod(0o666)
    code, said = fleet.keys()
    assert (code, said) == (
        1,
        "inventory/known_hosts: other users can write to it (mode 0666); chmod go-w inventory/known_hosts\n",
    )
    fleet.known.unlink()
    os.mkfifo(fleet.known)
    code, said = fleet.keys("--write")
    assert (code, said) == (1, "inventory/known_hosts: this is no file; move it away\n")


def test_outside_a_site_and_an_inventory_that_fails(fleet: Fleet, tmp_path: Path) -> None:
    code, said = run("host-keys", cwd=tmp_path)
    assert (code, "there is no config.py here" in said) == (1, True)
    (fleet.folder / "inventory/hosts.py").write_text("clients = [1/0]\n")
    code, said = fleet.keys()
    assert code == 1
    assert "pyinfra can't read it" in said


@pytest.mark.parametrize(
    ("shown", "known", "new", "changed"),
    [
        ({}, {}, False, False),
        ({}, {"a": "1"}, False, False),
        ({"a": "1"}, {}, True, False),
        ({"a": "1"}, {"a": "1"}, False, False),
        ({"a": "1", "b": "2"}, {"a": "1"}, False, False),
        ({"a": "2"}, {"a": "1"}, False, True),
        ({"b": "1"}, {"a": "1"}, False, True),
        ({"a": "1", "b": "2"}, {"a": "1", "b": "3"}, False, True),
    ],
)
def test_what_was_shown_beside_what_was_known(
    shown: dict[str, str], known: dict[str, str], new: bool, changed: bool
) -> None:
    found = Compared(Way("h", "h", 22, Path("known_hosts")), shown, known)
    assert (found.is_new, found.has_changed) == (new, changed)


class TestCheck:
    """ANC321, by what is written."""

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "isn't set"),
            ('ssh_strict_host_key_checking = "accept-new"\n', "accept-new"),
            ('ssh_strict_host_key_checking: str = "no"\n', "no"),
            ('ssh_strict_host_key_checking = "off"\n', "off"),
            ('ssh_strict_host_key_checking = "yes"\n', ""),
            ('ssh_strict_host_key_checking = "ask"\n', ""),
            ('import os\nssh_strict_host_key_checking = os.environ["X"]\n', ""),
            ("raise SystemExit(9)\nopen('ran', 'w')\n", "isn't set"),
            ("(" * 3000, "isn't set"),
        ],
    )
    def test_group_data(self, fleet: Fleet, text: str, said: str) -> None:
        (fleet.folder / "group_data/all.py").write_text(text)
        code, out = run("check", cwd=fleet.folder)
        assert code == 0
        assert ("ANC321" in out) == bool(said)
        assert said in out
        assert not (fleet.folder / "ran").exists()

    def test_a_host_of_the_inventory(self, fleet: Fleet) -> None:
        assert "ANC321" not in run("check", cwd=fleet.folder)[1]
        fleet.says([("a", {}), ("b", {"ssh_strict_host_key_checking": "no"})])
        assert "inventory/hosts.py:2: ANC321" in run("check", cwd=fleet.folder)[1]

    def test_a_site_of_init_is_clean(self, fleet: Fleet) -> None:
        assert run("check", cwd=fleet.folder) == (0, "anchorline.yml: clean\n")

    def test_a_spec_alone_has_no_fleet(self, tmp_path: Path, fleet: Fleet) -> None:
        spec = tmp_path / "alone/anchorline.yml"
        spec.parent.mkdir()
        spec.write_text((fleet.folder / "anchorline.yml").read_text())
        assert "ANC321" not in run("check", cwd=spec.parent)[1]
