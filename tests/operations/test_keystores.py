"""Which keystores the look finds, by several shells, over a folder that plays a part of the host's root."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from anchorline.fleet.shell import script
from anchorline.trust import room

from .site import NOTHING_ELSE


def jdk(home: Path) -> Path:
    """A JDK, as far as the look asks whether one is there: its commands and its keystore."""
    for command in ("java", "keytool"):
        file = home / "bin" / command
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    keystore = home / "lib/security/cacerts"
    keystore.parent.mkdir(parents=True)
    keystore.touch()
    return keystore


def keystores(shell: list[str], root: Path, jvms: str = "") -> list[str]:
    values = room.variables("blue") | NOTHING_ELSE | {"java": "java", "jvms": jvms, "state": str(root / "state")}
    text = script("trust/used.sh", "trust/others.sh", **values)
    path = f"{root}/bin:{os.environ['PATH']}"
    done = subprocess.run([*shell, "-c", text], capture_output=True, text=True, env={"PATH": path}, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split()[-1] for line in done.stdout.splitlines() if line.startswith("keystore java ")]


@pytest.mark.parametrize("jvms", ["", "{}/jvm/*"], ids=["by the PATH alone", "in both places"])
def test_the_jdk_of_the_path(shell: list[str], tmp_path: Path, jvms: str) -> None:
    keystore = jdk(tmp_path / "jvm/21")
    (tmp_path / "bin").mkdir()
    assert str(keystore) not in keystores(shell, tmp_path)
    (tmp_path / "bin/java").symlink_to("../jvm/21/bin/java")
    assert keystores(shell, tmp_path, jvms.format(tmp_path)).count(str(keystore)) == 1, "found, and once"
