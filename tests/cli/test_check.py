"""`anchorline check` as people and programs meet it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .sites import PkiSite, run

ROOT = Path(__file__).parents[2]
ANCHORLINE = Path(sys.executable).with_name("anchorline")
SOUND = "version: 1\nsite: lab\nregistry: {mode: local, image: registry@sha256:0}\n"
WARNED = "version: 1\nsite: lab\nregistry:\n  mode: local\n  image: registry:3\n"
WRONG = WARNED + "  listen: 0.0.0.0:5001\n  adress: x\n"


def _check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ANCHORLINE, "check", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_a_sound_spec(tmp_path: Path) -> None:
    (tmp_path / "anchorline.yml").write_text(SOUND)
    done = _check(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "anchorline.yml: clean\n", "")


def test_warnings_let_a_spec_pass(tmp_path: Path) -> None:
    (tmp_path / "staging.yml").write_text(WARNED)
    done = _check(tmp_path, "staging.yml")
    assert done.returncode == 0
    assert done.stdout == (
        "staging.yml:5: registry.image: ANC221 registry:3 may be another image tomorrow; "
        "pin its digest: NAME@sha256:…\n"
        "staging.yml: 1 warning\n"
    )


def test_errors_end_with_1(tmp_path: Path) -> None:
    (tmp_path / "anchorline.yml").write_text(WRONG)
    done = _check(tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == (
        "anchorline.yml:7: registry.adress: unknown key; did you mean `address`?\nanchorline.yml: 1 error\n"
    )


def test_errors_and_warnings_are_counted_apart(tmp_path: Path) -> None:
    (tmp_path / "anchorline.yml").write_text(WRONG.replace("  adress: x\n", ""))
    done = _check(tmp_path)
    assert done.returncode == 1
    assert [line.split(" ")[2] for line in done.stdout.splitlines()[:-1]] == ["ANC125", "ANC221", "ANC126"]
    assert done.stdout.splitlines()[-1] == "anchorline.yml: 2 errors, 1 warning"


def test_json_is_for_programs(tmp_path: Path) -> None:
    (tmp_path / "anchorline.yml").write_text(WARNED)
    done = _check(tmp_path, "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == [
        {
            "file": "anchorline.yml",
            "line": 5,
            "key": "registry.image",
            "level": "warning",
            "code": "ANC221",
            "cause": "registry:3 may be another image tomorrow",
            "fix": "pin its digest: NAME@sha256:…",
        }
    ]
    (tmp_path / "anchorline.yml").write_text(SOUND)
    assert json.loads(_check(tmp_path, "--format", "json").stdout) == []


@pytest.mark.parametrize("spec", ["nowhere.yml", ".", "/dev/null/x", "x" * 300])
def test_what_is_no_file_is_an_error_in_one_line(spec: str, tmp_path: Path) -> None:
    done = _check(tmp_path, spec)
    assert (done.returncode, done.stderr) == (1, "")
    assert len(done.stdout.splitlines()) == 2


def test_no_file_at_all(tmp_path: Path) -> None:
    done = _check(tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("anchorline.yml: doesn't exist")


def test_the_shipped_spec_passes() -> None:
    assert _check(ROOT).returncode == 0


def test_what_is_brought_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("no certificate\n")
    (tmp_path / "anchorline.yml").write_text("version: 1\nsite: lab\nauthority: {certificate: root.pem}\n")
    done = _check(tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith(
        f"anchorline.yml:3: authority.certificate: {tmp_path}/root.pem: no certificate in PEM\n"
    )


def test_a_folder_that_others_can_write_is_an_error(pki: PkiSite) -> None:
    pki("issue")
    assert run("check", cwd=pki.folder)[0] == 0
    pki.pki.chmod(0o777)
    code, said = run("check", cwd=pki.folder)
    assert code == 1
    assert f"{pki.pki}: other users can write to it (mode 0777); chmod -R go-w {pki.pki}\n" in said
