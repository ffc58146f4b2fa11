"""Which keystores the probe finds, by several shells, over a folder that plays a part of the host's root."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from anchorline.fleet import words
from anchorline.fleet.scripts import script
from anchorline.trust.removal.plan import places
from anchorline.trust.scripts import AnchorsProbe, TrustProbe
from anchorline.trust.stores.merged import read

from .folder import NOTHING_ELSE, Folder, executable


def jdk(home: Path) -> Path:
    """A JDK, as far as the probe asks whether one is there: its commands and its keystore."""
    for command in ("java", "keytool"):
        executable(home / "bin" / command)
    keystore = home / "lib/security/cacerts"
    keystore.parent.mkdir(parents=True)
    keystore.touch()
    return keystore


def keystores(here: Folder, kind: str = "java", at: Path | None = None, **values: str) -> list[str]:
    given = TrustProbe.of("blue").values() | NOTHING_ELSE | {"java": "java", "state": str(here.root / "state")} | values
    files = ("fleet/shell/words.sh", "fleet/shell/ours.sh", "fleet/shell/users.sh")
    text = script(*files, "trust/stores/jdk.sh", "trust/stores/merged_probe.sh", **given)
    said = words.read(here.says(text, at=at).splitlines())
    return [path for which, _, path in said.get("keystore", ()) if which == kind]


@pytest.mark.parametrize("jvms", ["", "{}/jvm/*"], ids=["by the PATH alone", "in both places"])
def test_the_jdk_of_the_path(folder: Folder, tmp_path: Path, jvms: str) -> None:
    keystore = jdk(tmp_path / "jvm/21")
    assert str(keystore) not in keystores(folder)
    (tmp_path / "bin/java").symlink_to("../jvm/21/bin/java")
    assert keystores(folder, jvms=jvms.format(tmp_path)).count(str(keystore)) == 1, "found, and once"


def test_a_jdk_in_a_folder_with_blanks_is_left_alone(folder: Folder, tmp_path: Path) -> None:
    keystore = jdk(tmp_path / "jvm/21")
    jdk(tmp_path / "jvm/My JDK")
    found = keystores(folder, jvms=f"{tmp_path}/jvm/*")
    assert [each for each in found if str(tmp_path) in each] == [str(keystore)]


def test_the_profiles_of_each_home(folder: Folder, tmp_path: Path) -> None:
    """Also where the probe begins in the home of one of them."""
    profiles = {"alice": "aaa.default", "bob": "x1y2z3.Profile 1"}
    for user, profile in profiles.items():
        database = tmp_path / user / ".mozilla/firefox" / profile
        database.mkdir(parents=True)
        (database / "cert9.db").touch()
    tools = {"certutil": "", "su": 'shift 4; exec sh -c "$@"', "getent": f'echo "$2:x:0:0::{tmp_path}/$2:/bin/sh"'}
    tools["setpriv"] = "exit 1"
    for name, text in tools.items():
        folder.tool(name, text)
    found = keystores(folder, "nss", tmp_path / "alice", users="alice\nbob")
    assert found == [f"{tmp_path}/{user}/.mozilla/firefox/{profile}" for user, profile in profiles.items()]


def test_two_profiles_whose_names_begin_alike_are_both_remembered(folder: Folder, tmp_path: Path) -> None:
    state = tmp_path / "state"
    paths = [f"{tmp_path}/x.Profile {number}" for number in (1, 2)]
    for _ in range(2):
        tasks = "".join(f"add nss alice blue.crt {path}\n" for path in paths)
        noted = (
            script(
                *("fleet/shell/files.sh", "trust/stores/jdk.sh", "trust/stores/keystores.sh"),
                state=str(state),
                tasks=tasks,
                pems="",
                nicknames="",
                update="",
            )
            + 'noted "$tasks"\n'
        )
        assert folder.run(noted).returncode == 0
    kept = [
        each
        for _, each in read(
            {"kept": [tuple(line.split(" ")) for line in (state / "keystores").read_text().splitlines()]}
        ).kept
    ]
    assert [(each.who, each.path) for each in kept] == [("alice", path) for path in paths]


def test_a_withdrawal_finds_the_home_of_a_user_whom_a_directory_service_alone_knows(
    folder: Folder, tmp_path: Path
) -> None:
    anchor = tmp_path / "ldap/.config/docker/certs.d/registry.example.com/anchorline-blue-0123456789ab.crt"
    anchor.parent.mkdir(parents=True)
    anchor.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    folder.tool("getent", f'[ "$2" != ada ] || echo "$2:x:1000:1000::{tmp_path}/ldap:/bin/sh"')
    probe = AnchorsProbe(
        site="blue",
        state=str(tmp_path / "state"),
        places=tuple(places()),
        owned_files=(),
        users=(),
        listen="",
        port="",
    )
    found = [folder.says(replace(probe, users=users).text).splitlines() for users in ((), ("ada",))]
    ours = f"certificate AAAA {anchor}"
    assert [ours in each for each in found] == [False, True]
