"""What a user does to keystores, his own and others', and what looks and changes make of it: by several shells."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchorline.fleet import scripts, words
from anchorline.fleet.scripts import script
from anchorline.trust.plan import difference
from tests.operations.folder import executable
from tests.operations.users import (
    ANCHOR,
    JOE,
    Host,
    a_host,
    looks,
    short_of_patience,
    trust,
    wanted_of,
)

JAVA = ("trust/stores/jdk.sh", "trust/stores/keystores.sh")
# a database holds an anchor where it has the file
CERTUTIL = """
case $1 in
    -A) cat >"${3#sql:}/has" ;;
    -D) rm "${3#sql:}/has" ;;
    -L) [ -e "${3#sql:}/has" ] && echo "anchorline-blue-0123456789ab  C,," ;;
esac
"""


@pytest.fixture
def host(shell: list[str]) -> Iterator[Host]:
    with a_host(shell) as found:
        yield found


def jdk(host: Host, home: Path, owner: int = 0) -> Path:
    """A JDK whose keytool tells whether root ran it."""
    told = host.program(home / "bin/keytool", owner)
    keystore = home / "lib/security/cacerts"
    keystore.parent.mkdir(parents=True)
    keystore.write_text("a keystore")
    for each in (home, *home.rglob("*")):
        os.chown(each, owner, owner, follow_symlinks=False)
    assert not told.exists()
    return told


def keystores(host: Host, tasks: str) -> tuple[int, str, str]:
    """Do these tasks, as a change does."""
    sources = (*(f"fleet/shell/{each}.sh" for each in ("words", "users", "files", "pem")), *JAVA)
    inputs = {"tasks": tasks, "pems": f"{ANCHOR} AAAA", "nicknames": f"{ANCHOR} AB:CD", "update": ""}
    done = host.run(script(*sources, state=f"{host.root}/state", **inputs) + "keystores\n")
    return done.returncode, words.decode(done.stdout), done.stderr


class TestJava:
    def test_roots_own_is_asked(self, host: Host) -> None:
        told = jdk(host, host.root / "opt/jdk")
        lines = looks(host, jvms=f"{host.root}/opt/*")
        assert told.exists(), "or nothing is proved below"
        assert [each.path for each in trust(lines).merged_stores.keystores] == [
            f"{host.root}/opt/jdk/lib/security/cacerts"
        ]
        assert trust(lines).passed == ()

    @pytest.mark.parametrize("way", ["joes", "joes library", "open folder", "open file", "linked", "above", "another"])
    def test_what_others_can_change_is_not_run(self, host: Host, way: str) -> None:
        home = host.root / "opt/idea"
        told = jdk(host, home, JOE if way == "joes" else 0)
        if way == "joes library":
            host.give(home / "lib/security/cacerts")
        elif way == "open folder":
            (home / "lib").chmod(0o777)
        elif way == "open file":
            (home / "bin/keytool").chmod(0o757)
        elif way == "linked":
            home.rename(host.home / "idea")
            home.symlink_to(host.home / "idea")
        elif way == "another":
            other = jdk(host, host.root / "usr/jdk")
            assert not other.exists()
            (home / "bin/keytool").unlink()
            (home / "bin/keytool").symlink_to(host.root / "usr/jdk/bin/keytool")
            host.give(host.root / "usr/jdk/lib/security/cacerts")
        elif way == "above":
            home.parent.chmod(0o777)
        lines = looks(host, jvms=f"{host.root}/opt/*")
        assert not told.exists()
        seen = trust(lines)
        assert seen.merged_stores.keystores == ()
        [(store, what)] = seen.passed
        assert store == "java"
        assert "root runs no program of theirs" in what

    def test_a_keystore_that_is_a_users(self, host: Host) -> None:
        home = host.root / "opt/jdk"
        jdk(host, home)
        (home / "lib/security/cacerts").unlink()
        (home / "lib/security/cacerts").symlink_to(host.home / "cacerts")
        (host.home / "cacerts").write_text("x")
        [(_, what)] = trust(looks(host, jvms=f"{host.root}/opt/*")).passed
        assert f"others than root can change {host.home}" in what

    def test_the_java_of_the_path(self, host: Host) -> None:
        home = host.home / "jdk"
        told = jdk(host, home, JOE)
        executable(home / "bin/java")
        (host.root / "bin/java").symlink_to(home / "bin/java")
        [(store, _)] = trust(looks(host, java="java")).passed
        assert (store, told.exists()) == ("java", False)

    def test_a_change_runs_none_of_theirs_as_root(self, host: Host) -> None:
        """It became theirs since the look; and an older version has put the CA there."""
        home = host.root / "opt/idea"
        told = jdk(host, home, JOE)
        keystore = home / "lib/security/cacerts"
        (home / "lib/security/cacerts.anchorline-new").symlink_to(host.secret / "file")
        before = host.secrets()
        for kind in ("java", "system"):
            code, out, _ = keystores(host, f"add {kind} {home}/bin/keytool {ANCHOR} {keystore}")
            assert (code, out.startswith(f"passed {keystore}: ")) == (0, True)
        code, out, _ = keystores(host, f"drop java {home}/bin/keytool {ANCHOR} {keystore}")
        assert (code, out) == (0, ""), "by its owner"
        assert keystore.stat().st_uid == JOE
        assert not told.exists()
        assert host.secrets() == before
        home.parent.chmod(0o777)
        code, out, _ = keystores(host, f"drop java {home}/bin/keytool {ANCHOR} {keystore}")
        assert (code, out.startswith(f"passed {keystore}: ")) == (0, True), "nobody's"

    def test_a_keystore_that_is_a_pipe_holds_up_nobody(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scripts, "source", short_of_patience)
        home = host.root / "opt/idea"
        jdk(host, home, JOE)
        keystore = home / "lib/security/cacerts"
        keystore.unlink()
        os.mkfifo(keystore)
        for action in ("add", "drop"):
            assert keystores(host, f"{action} java {home}/bin/keytool {ANCHOR} {keystore}")[0] == 0

    def test_a_passed_keystore_is_a_note_where_its_store_is_wanted(self, host: Host) -> None:
        jdk(host, host.root / "opt/idea", JOE)
        seen = trust(looks(host, jvms=f"{host.root}/opt/*"))
        for stores, told in ((("java",), 1), (("docker",), 0)):
            notes = difference(seen, wanted_of(stores)).notes
            assert len([each for each in notes if each.startswith("passed over: ")]) == told


class TestNss:
    LISTED = "anchorline-blue-0123456789ab      C,,\\nanchorline-blue-ffffffffffff  ,,"

    def database(self, host: Host, name: str = ".pki/nssdb") -> Path:
        place = host.folder(name)
        (place / "cert9.db").touch()
        host.give(place / "cert9.db")
        return place

    def test_who_holds_what(self, host: Host) -> None:
        place, odd = self.database(host), self.database(host, ".mozilla/firefox/a b")
        host.tool("certutil", f"printf '{self.LISTED}\\n'; id -u >>{host.home}/asked")
        seen = trust(looks(host, users="joe")).merged_stores
        assert [(each.kind, each.who, each.path) for each in seen.keystores] == [
            ("nss", "joe", str(place)),
            ("nss", "joe", str(odd)),
        ]
        assert seen.holds == {(ANCHOR, str(place)), (ANCHOR, str(odd))}
        assert set((host.home / "asked").read_text().split()) == {str(JOE)}

    def test_what_a_user_cannot_see_root_does_not_list(self, host: Host) -> None:
        (host.secret / "profile").mkdir()
        (host.secret / "profile/cert9.db").touch()
        host.folder(".mozilla")
        (host.home / ".mozilla/firefox").symlink_to(host.secret)
        host.tool("certutil")
        assert trust(looks(host, users="joe")).merged_stores.keystores == ()

    def test_a_user_says_nothing_of_others(self, host: Host) -> None:
        self.database(host)
        forged = "holds x /y\\nfamily debian\\n=== end\\ndatabase /etc/x\\ndatabase %s/../x\\n" + self.LISTED
        host.tool("certutil", f"printf '{forged}\\n' {host.home}")
        lines = looks(host, users="joe")
        assert [line for line in lines if "/etc/x" in line or line.startswith(("holds", "family", "==="))] == []

    @pytest.mark.parametrize("action", ["add", "drop"])
    def test_a_database_that_is_broken_is_told(self, host: Host, action: str) -> None:
        place, whole = self.database(host), self.database(host, ".mozilla/firefox/a b")
        broken = 'case $3 in *nssdb) [ $1 = -L ] || { echo "certutil: bad database" >&2; exit 255; } ;; esac'
        host.tool("certutil", f"{broken}\n{CERTUTIL}")
        if action == "drop":
            for each in (place / "has", whole / "has"):
                each.touch()
                host.give(each)
        tasks = "\n".join(f"{action} nss joe {ANCHOR} {each}" for each in (place, whole))
        code, out, err = keystores(host, tasks)
        assert (code, out, err) == (0, f"passed {place}: certutil: bad database\n", "")
        assert (whole / "has").exists() == (action == "add"), "the other one is looked after"
        assert action == "drop" or "BEGIN CERTIFICATE" in (whole / "has").read_text(), "it comes on standard input"
        host.tool("certutil", "[ $1 != -L ]" if action == "add" else "exit 0")
        _, out, _ = keystores(host, f"{action} nss joe {ANCHOR} {place}")
        said = "does not hold {} afterwards" if action == "add" else "holds {} still"
        assert out == f"passed {place}: it {said.format(ANCHOR.removesuffix('.crt'))}\n"

    def test_databases_that_hang_are_waited_for_once(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scripts, "source", short_of_patience)
        host.tool("certutil", "sleep 9")
        tasks = "\n".join(f"add nss joe {ANCHOR} {self.database(host, f'profile-{number}')}" for number in range(9))
        began = time.monotonic()
        code, out, _ = keystores(host, tasks)
        assert (code, out) == (0, "passed the NSS databases of joe: they took longer than 20 s\n")
        assert time.monotonic() - began < 8
