"""What a user of a host leaves lying, and what the looks and changes of trust make of it: by several shells."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from anchorline.fleet import words
from anchorline.fleet.scripts import REMEMBERED, File, script, stdin
from anchorline.trust.processes.stale import Stamps
from anchorline.trust.removal.plan import places
from anchorline.trust.scripts import AnchorsProbe, Layers, Withdraw
from anchorline.trust.stores.runtimes import RUNTIMES
from anchorline.verify.scripts import RoundTrip
from tests.operations.users import (
    ANCHOR,
    JOE,
    NAME,
    PEM,
    Host,
    a_host,
    certificate,
    looks,
    trust,
)
from tests.shellcheck import every_script, raw

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
