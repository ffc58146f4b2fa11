"""What a user of a host leaves lying, and what the looks and changes of trust make of it: by several shells."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from anchorline.fleet import scripts, words
from anchorline.fleet.scripts import REMEMBERED, File, script, source, stdin
from anchorline.trust.observed import ObservedTrust, read
from anchorline.trust.plan import difference
from anchorline.trust.processes.stale import Stamps
from anchorline.trust.removal.plan import places
from anchorline.trust.scripts import AnchorsProbe, Layers, TrustProbe, Withdraw
from anchorline.trust.stores.runtimes import RUNTIMES
from anchorline.verify.scripts import RoundTrip
from tests.operations.folder import NOTHING_ELSE, executable
from tests.operations.users import JOE, Host, a_host, wanted_of
from tests.shellcheck import every_script, raw

NAME = ".config/docker/certs.d/r.example.com"
ANCHOR = "anchorline-blue-0123456789ab.crt"
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
JAVA = ("trust/stores/jdk.sh", "trust/stores/keystores.sh")
# a database holds an anchor where it has the file
CERTUTIL = """
case $1 in
    -A) cat >"${3#sql:}/has" ;;
    -D) rm "${3#sql:}/has" ;;
    -L) [ -e "${3#sql:}/has" ] && echo "anchorline-blue-0123456789ab  C,," ;;
esac
"""
PROBE = AnchorsProbe(
    site="blue",
    state="/nonexistent",
    places=tuple(each for each in places() if each.startswith("~")),
    owned_files=(),
    users=("joe",),
    listen="",
    port="",
)


@pytest.fixture
def host(shell: list[str]) -> Iterator[Host]:
    with a_host(shell) as found:
        yield found


def certificate(host: Host, place: Path, name: str = ANCHOR, text: str = PEM) -> Path:
    """An anchor as it lies in a user's folder."""
    file = place / name
    file.write_text(text)
    host.give(file)
    return file


def held(host: Host, probe: AnchorsProbe = PROBE) -> list[str]:
    return [words.decode(line) for line in host.says(probe.text).splitlines()]


class TestWhatIsHeld:
    def test_in_a_home(self, host: Host) -> None:
        file = certificate(host, host.folder(NAME))
        assert held(host) == [f"certificate AAAA {file}"]
        file.unlink()
        assert held(host) == []

    def test_a_home_that_is_closed_and_has_odd_letters(self, host: Host) -> None:
        odd = host.home.with_name("joe * [x] $y")
        host.home.rename(odd)
        host.home = odd
        (host.root / "passwd").write_text(f"joe:x:{JOE}:{JOE}::{odd}:/bin/sh\n")
        host.tool("getent", f'[ "$2" != joe ] || cat {host.root}/passwd')
        file = certificate(host, host.folder(NAME, mode=0o700))
        odd.chmod(0o700)
        assert f"certificate AAAA {file}" in held(host)

    def test_no_link_is_followed(self, host: Host) -> None:
        secret = host.secret / ANCHOR
        secret.write_text(PEM)
        (host.folder(NAME) / ANCHOR).symlink_to(secret)
        host.folder(".config/docker/certs.d").joinpath("linked").symlink_to(host.secret)
        assert not [line for line in held(host) if "AAAA" in line]
        host.secret.chmod(0o755)
        assert [line.split()[2] for line in held(host) if "AAAA" in line] == [
            f"{host.home}/.config/docker/certs.d/linked/{ANCHOR}"
        ], "the control: what the user can read, the user may show"

    def test_a_name_makes_no_other_place_of_it(self, host: Host) -> None:
        place = host.folder(NAME)
        real = f"/usr/local/share/ca-certificates/{ANCHOR}"
        forged = host.folder(f"{NAME}\ncertificate BBBB {real.removesuffix(ANCHOR)}".replace("/usr", "usr"))
        certificate(host, forged)
        folder = place.parent / "x\ncertificate BBBB "
        folder.mkdir()
        host.give(folder)
        certificate(host, folder, f"anchorline-blue-{'9' * 12}.crt")
        up = place / "up"
        up.symlink_to("..")
        assert not [line for line in held(host) if "BBBB" in line and not line.endswith(str(place.parent))]
        for line in held(host):
            assert line.startswith((f"certificate AAAA {host.home}/", "unread "))

    def test_a_file_without_end_and_many_of_them(self, host: Host) -> None:
        place = host.folder(NAME)
        with certificate(host, place, f"anchorline-blue-{'0' * 12}.crt").open("r+b") as file:
            file.truncate(1 << 40)
        large = certificate(host, place, f"anchorline-blue-{'1' * 12}.crt", "")
        with large.open("wb") as file:
            file.truncate(200 << 20)
        os.mkfifo(place / f"anchorline-blue-{'2' * 12}.crt")
        (place / f"anchorline-blue-{'3' * 12}.crt").mkdir()
        ours = certificate(host, place)
        began = time.monotonic()
        lines = held(host)
        assert time.monotonic() - began < 10
        assert f"certificate - {large}" in lines
        assert f"certificate AAAA {ours}" in lines
        assert len([line for line in lines if line.startswith("certificate")]) == 3

    def test_more_than_can_be_read_is_told(self, host: Host) -> None:
        place = host.folder(NAME)
        for number in range(3):
            text = PEM.replace("AAAA", "A" * 40000)
            certificate(host, place, f"anchorline-blue-{number:012}.crt", text)
        lines = held(host)
        assert [line.partition(":")[0] for line in lines if line.startswith("unread ")] == [f"unread {place.parent}"]
        assert len([line for line in lines if line.startswith("certificate")]) == 1

    def test_where_several_can_write_nothing_is_read(self, host: Host) -> None:
        common = host.root / "certs"
        common.mkdir()
        certificate(host, common)
        probe = replace(PROBE, places=(str(common),))
        assert held(host, probe)[0] == f"certificate AAAA {common}/{ANCHOR}"
        common.chmod(0o777)
        assert held(host, probe)[0] == f"unread {common}: others than root can change {common}"


def withdrawal(host: Host, gone: Sequence[Path | str], *, made: Sequence[Path | str] = ()) -> tuple[int, str, str]:
    """Take these files away, with the folders that we made."""
    state = host.root / "lib/sites/blue"
    state.mkdir(parents=True)
    (state / "folders").write_text("".join(f"{each}\n" for each in made))
    inputs = dict.fromkeys(Withdraw.names(), "") | Stamps.of("blue").values() | Layers.of(None).values()
    inputs |= {
        "site": "blue",
        "state": str(state),
        "lock": str(state.parent.with_name("lock")),
        "gone": [str(each) for each in gone],
        "last": "yes",
        "hosts": f"{host.root}/hosts",
        "remembered": REMEMBERED,
        "proc": f"{host.root}/proc",
        "summary": "a test",
    }
    done = host.run(script(*Withdraw.sources, **inputs), stdin([]))
    return done.returncode, words.decode(done.stdout), done.stderr


class TestWithdrawal:
    def test_a_users_copy_goes_with_its_folders(self, host: Host) -> None:
        place = host.folder(NAME)
        file = certificate(host, place)
        (place / f"{ANCHOR}2").touch()
        assert withdrawal(host, [file], made=[place, place.parent]) == (0, "", "")
        assert not file.exists()
        assert place.exists(), "what isn't empty stays"
        assert not (host.root / "lib").exists(), "the lock and its folders went with the last site"

    def test_made_folders_go(self, host: Host) -> None:
        place = host.folder(NAME)
        file = certificate(host, place)
        assert (
            withdrawal(
                host, [file], made=[*[host.home / each for each in (".config", ".config/docker")], place.parent, place]
            )[0]
            == 0
        )
        assert list(host.home.iterdir()) == []

    def test_a_folder_that_the_user_closed(self, host: Host) -> None:
        place = host.folder(NAME)
        file = certificate(host, place)
        place.chmod(0o500)
        assert withdrawal(host, [file]) == (0, "", "")
        assert not file.exists()

    @pytest.mark.parametrize("depth", range(4))
    def test_no_link_leads_us_to_what_is_roots(self, host: Host, depth: int) -> None:
        place = host.folder(NAME)
        below = host.secret.joinpath(*Path(NAME).parts[4 - depth :])
        below.mkdir(parents=True, exist_ok=True)
        (below / ANCHOR).write_text(PEM)
        at = place.parents[depth - 1] if depth else place
        at.rename(at.with_name("away"))
        at.symlink_to(host.secret)
        before = host.secrets()
        ours = host.root / "etc" / ANCHOR
        ours.parent.mkdir()
        ours.touch()
        code, _, err = withdrawal(host, [place / ANCHOR, ours], made=[place])
        assert (code, err) == (0, "")
        assert host.secrets() == before
        assert not ours.exists(), "and the rest goes"

    def test_a_copy_that_cannot_be_taken_away_is_told(self, host: Host) -> None:
        place = host.folder(NAME)
        file = place / ANCHOR
        file.mkdir()
        (file / "x").touch()
        ours = host.root / "ours.crt"
        ours.touch()
        code, out, err = withdrawal(host, [file, ours])
        assert (code, err) == (0, "")
        assert out.startswith(f"passed {file}: ")
        assert not ours.exists()

    def test_where_several_can_write_it_is_refused(self, host: Host) -> None:
        common = host.root / "common"
        common.mkdir()
        common.chmod(0o777)
        (common / ANCHOR).touch()
        code, _, err = withdrawal(host, [common / ANCHOR])
        assert code == 1
        assert f"others than root can change {common}" in err
        assert (common / ANCHOR).exists()


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


def looks(host: Host, text: str = "", **values: str) -> list[str]:
    given = TrustProbe.of("blue").values() | NOTHING_ELSE
    given |= {"runtimes": "", "families": "", "release": "/nonexistent", "hosts": "/nonexistent"}
    given |= {"nicknames": f"{ANCHOR} AB:CD", "state": f"{host.root}/state", "data": ""} | values
    return host.says(script(*TrustProbe.sources, **given) + text).splitlines()


def trust(lines: Sequence[str]) -> ObservedTrust:
    return read(lines, "blue")


def keystores(host: Host, tasks: str) -> tuple[int, str, str]:
    """Do these tasks, as a change does."""
    sources = (*(f"fleet/shell/{each}.sh" for each in ("words", "users", "files", "pem")), *JAVA)
    inputs = {"tasks": tasks, "pems": f"{ANCHOR} AAAA", "nicknames": f"{ANCHOR} AB:CD", "update": ""}
    done = host.run(script(*sources, state=f"{host.root}/state", **inputs) + "keystores\n")
    return done.returncode, words.decode(done.stdout), done.stderr


def short_of_patience(name: str) -> str:
    """Shell of ours that waits for a user 1 s in the place of 20."""
    return source(name).replace("timeout -k 2 20", "timeout -k 1 1").replace("timeout 25", "timeout 3")


class TestAFolderOfOneName:
    """In root's folder of runtimes one may belong to a user: an admin gave it away."""

    @pytest.fixture
    def given(self, host: Host) -> Path:
        folder = host.root / "etc/docker/certs.d/r"
        folder.mkdir(parents=True)
        certificate(host, folder)
        (host.secret / ANCHOR).write_text(PEM)
        host.give(folder)
        return folder

    @pytest.mark.parametrize("what", ["file", "link", "pipe"])
    def test_it_is_read_as_the_user(self, host: Host, given: Path, what: str) -> None:
        if what != "file":
            (given / ANCHOR).unlink()
        if what == "link":
            (given / ANCHOR).symlink_to(host.secret / ANCHOR)
        if what == "pipe":
            os.mkfifo(given / ANCHOR)
        lines = [f"certificate AAAA {given / ANCHOR}"] if what == "file" else []
        probe = replace(PROBE, places=(f"{given.parent}/*",))
        assert [line for line in held(host, probe) if "docker/certs.d/r" in line] == lines
        seen = trust(looks(host, runtimes=f"docker {given.parent} / -"))
        assert list(seen.files) == ([str(given / ANCHOR)] if what == "file" else [])
        before = host.secrets()
        assert host.puts(File(str(given / ANCHOR), "one\n")) == (0, "", "")
        assert ((given / ANCHOR).read_text(), (given / ANCHOR).stat().st_uid) == ("one\n", JOE)
        assert host.secrets() == before

    def test_a_configuration_that_a_user_says_which_it_is(self, host: Host) -> None:
        path = host.root / "etc/registries.yaml"
        path.parent.mkdir()
        (host.home / "leads").symlink_to(host.secret / "file")
        path.symlink_to(host.home / "leads")
        seen = trust(looks(host, configurations=f"k3s {path} /"))
        assert seen.merged_stores.texts == {}
        assert seen.passed == (("k3s", f"{path}: others than root can change {host.home}"),)
        path.unlink()
        path.symlink_to(host.secret / "file")
        assert list(trust(looks(host, configurations=f"k3s {path} /")).merged_stores.texts) == [str(path)]


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


class TestTheLook:
    def files(self, host: Host) -> dict[str, str]:
        row = RUNTIMES["docker-rootless"]
        return dict(trust(looks(host, users="joe", runtimes=f"{row.name} {row.folder} {','.join(row.used)} -")).files)

    def test_files_in_a_home_are_seen_as_the_user_sees_them(self, host: Host) -> None:
        place = host.folder(NAME, mode=0o700)
        file = certificate(host, place)
        assert list(self.files(host)) == [str(file)]
        file.unlink()
        (host.secret / ANCHOR).write_text(PEM)
        file.symlink_to(host.secret / ANCHOR)
        assert self.files(host) == {}, "root reads nothing through a link"
        file.unlink()
        os.mkfifo(file)
        assert self.files(host) == {}
        file.unlink()
        with certificate(host, place).open("r+b") as large:
            large.truncate(1 << 40)
        began = time.monotonic()
        assert list(self.files(host)) == [str(file)], "and it is another file than ours"
        assert time.monotonic() - began < 10

    def test_os_release_is_read_and_not_run(self, host: Host) -> None:
        release = host.root / "os-release"
        never = host.root / "never"
        release.write_text(
            f"NAME='x y'\nID=first\n# ID=no\nID=\"rocky\"\r\nID_LIKE='rhel fedora'\n"
            f"touch {never}\nVERSION=$(touch {never})\n"
        )
        [os_line] = [line for line in looks(host, release=str(release)) if line.startswith("os")]
        assert os_line == "os rocky rhel fedora"
        assert not never.exists()

    def test_a_passed_keystore_is_a_note_where_its_store_is_wanted(self, host: Host) -> None:
        jdk(host, host.root / "opt/idea", JOE)
        seen = trust(looks(host, jvms=f"{host.root}/opt/*"))
        for stores, told in ((("java",), 1), (("docker",), 0)):
            notes = difference(seen, wanted_of(stores)).notes
            assert len([each for each in notes if each.startswith("passed over: ")]) == told


def test_the_round_trip_has_its_files_in_a_folder_of_its_own(host: Host) -> None:
    """A name beside a temporary file can be guessed."""
    modes = host.root / "modes"
    host.tool("curl", f'to=$(readlink /proc/$$/fd/1); stat -c "%a %u" "${{to%/*}}" >>{modes}; exit 1')
    inputs = dict.fromkeys(RoundTrip.names(), "") | {
        "state": f"{host.root}/state",
        "runtimes": "curl",
        "reference": "r.example.com/anchorline/verify",
        "pushed": f"sha256:{'0' * 64}",
        "patience": "5",
    }
    assert host.run(script(*RoundTrip.sources, **inputs)).returncode == 1
    assert set(modes.read_text().splitlines()) == {"700 0"}


def test_no_script_writes_beside_a_temporary_file() -> None:
    """The cause and its kind: each ``mktemp`` makes a folder."""
    for name in {each for kind in every_script() for each in kind.sources}:
        for line in raw(name).splitlines():
            assert "mktemp" not in line or "mktemp -d" in line or line.lstrip().startswith("#"), (name, line)
