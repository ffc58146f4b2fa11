from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from anchorline.errors import AnchorlineError
from anchorline.report.data import data
from anchorline.report.forms import FORMS, SUFFIXES, form_of, require_writable, write
from tests.unit.reports import broken, good, host
from tests.unit.tools import lacking

NOBODY = 65534
CHECKOUT = Path(__file__).resolve().parents[2]


def everything(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(AnchorlineError) as refused:
        act()
    return str(refused.value)


def both(path: Path) -> str:
    """What is said where a report can't be written: before the run and at its end the same."""
    before, after = refusal(lambda: require_writable(path)), refusal(lambda: write(good(), "json", path))
    assert before == after
    return after


def test_every_form_has_a_suffix() -> None:
    assert {*SUFFIXES.values()} == {*FORMS}


@pytest.mark.parametrize(("suffix", "form"), SUFFIXES.items())
def test_the_suffix_names_the_form(suffix: str, form: str) -> None:
    assert form_of(Path(f"a.b/report{suffix}")) == form
    assert form_of(Path(f"REPORT{suffix.upper()}")) == form


@pytest.mark.parametrize("name", ["report", "report.pdf", ".json", "-", "report.json.gz"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(name: str) -> None:
    said = refusal(lambda: form_of(Path(name)))
    assert said.startswith(f"{name}: ")
    assert all(f"{suffix} ({form})" in said for suffix, form in SUFFIXES.items())


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_written(form: str, tmp_path: Path) -> None:
    path = tmp_path / "report"
    write(broken(), form, path)
    assert path.read_text(encoding="utf-8") == FORMS[form](broken())
    assert "debian12" in path.read_text(encoding="utf-8")
    assert [*tmp_path.iterdir()] == [path]


def test_an_unknown_form_is_refused(tmp_path: Path) -> None:
    said = refusal(lambda: write(good(), "pdf", tmp_path / "report.pdf"))
    assert said == f"pdf: no form of a report; there are {', '.join(FORMS)}"
    assert not everything(tmp_path)


@pytest.mark.parametrize("form", ["json", "junit", "prometheus", "markdown"])
def test_bytes_that_are_no_text_are_no_trouble(form: str, tmp_path: Path) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    write(replace(good(), hosts=(host(name),)), form, tmp_path / "report")
    assert "caf" in (tmp_path / "report").read_text(encoding="utf-8")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_everybody_may_read_it(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write(good(), "json", tmp_path / "report.json")
    finally:
        os.umask(before)
    assert (tmp_path / "report.json").stat().st_mode & 0o7777 == 0o644


def test_a_dash_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(good(), "json", Path("-"))
    assert (tmp_path / "-").read_text() == data(good())


def test_the_longest_name_that_a_folder_takes(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 250}.json"
    require_writable(path)
    write(good(), "json", path)
    assert path.exists()


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "report.json"
    link.symlink_to("elsewhere/report.json")
    write(good(), "json", link)
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "report.json").read_text() == data(good())


def test_a_reader_never_sees_half_of_it(tmp_path: Path) -> None:
    path, over = tmp_path / "report.json", threading.Event()
    write(good(), "json", path)

    def watch() -> set[str]:
        seen = {path.read_text(encoding="utf-8")}
        while not over.is_set():
            seen.add(path.read_text(encoding="utf-8"))
        return seen

    with ThreadPoolExecutor() as others:
        reader = others.submit(watch)
        try:
            for _ in range(100):
                write(broken(), "json", path)
                write(good(), "json", path)
        finally:
            over.set()
        assert reader.result() <= {data(good()), data(broken())}


def test_asking_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    require_writable(path)
    assert not everything(tmp_path)
    path.write_text("before")
    path.chmod(0o600)
    at = path.stat()
    require_writable(path)
    assert everything(tmp_path) == {"report.json": b"before"}
    assert (path.stat().st_mtime_ns, path.stat().st_mode) == (at.st_mtime_ns, at.st_mode)


def test_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "report.json"
    assert both(path) == (
        f"{path}: the report can't be written: No such file or directory; make the folder {path.parent} first"
    )


def test_a_file_in_the_place_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "Not a directory; name a file in a folder" in both(tmp_path / "file" / "report.json")


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    assert both(tmp_path / "report.json").endswith("a folder is there; name a file in it")
    assert not everything(tmp_path)


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_a_device_is_left_alone(device: str) -> None:
    assert both(Path(device)).endswith("this is no file; name one")
    assert Path(device).is_char_device()


def test_a_pipe_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "report.json")
    assert both(tmp_path / "report.json").endswith("this is no file; name one")
    assert (tmp_path / "report.json").is_fifo()


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    assert "name a file with a shorter name" in both(tmp_path / f"{'x' * 300}.json")
    assert not everything(tmp_path)


def test_a_zero_byte(tmp_path: Path) -> None:
    assert "name another file" in both(tmp_path / "a\0b.json")
    assert not everything(tmp_path)


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "report.json").symlink_to("report.json")
    assert "name a file that is no link to itself" in both(tmp_path / "report.json")


def in_a_child(act: Callable[[], None], prepare: Callable[[], None]) -> str:
    """What an AnchorlineError says in a process of its own, where ``prepare`` has taken something away."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"nothing was refused"
        try:
            prepare()
            act()
        except AnchorlineError as error:
            said = str(error).encode()
        except BaseException as error:
            said = repr(error).encode()
        finally:
            os.write(writer, said)
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        return pipe.read().decode()


def test_no_rights() -> None:
    def become_nobody() -> None:
        if os.geteuid() == 0:
            os.setuid(NOBODY)

    # pytest's own folders are closed to others, who would be refused before they come to this one
    with TemporaryDirectory() as whole:
        folder = Path(whole)
        folder.chmod(0o555)
        path = folder / "report.json"
        for act in (lambda: require_writable(path), lambda: write(good(), "json", path)):
            said = in_a_child(act, become_nobody)
            assert said.startswith(f"{path}: the report can't be written: Permission denied; let this user write in ")
        assert not everything(folder)
        folder.chmod(0o777)
        assert in_a_child(lambda: require_writable(path), become_nobody) == "nothing was refused"


def test_a_limit_on_the_size_of_files_leaves_what_was_there(tmp_path: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    path = tmp_path / "report.json"
    path.write_text("before")
    said = in_a_child(lambda: write(good(), "json", path), limited)
    assert said.startswith(f"{path}: the report can't be written: File too large; raise this user's limit")
    assert everything(tmp_path) == {"report.json": b"before"}


FULL = """
set -e
mount -t tmpfs -o size=64k anchorline "$1"
echo before >"$1/report.json"
head -c 61440 /dev/zero >"$1/rest" 2>/dev/null || true
"$2" -c '
import sys
from pathlib import Path
from anchorline.errors import AnchorlineError
from anchorline.report.forms import require_writable, write
from tests.unit.reports import many
for act in (require_writable, lambda path: write(many(100), "json", path)):
    try:
        act(Path(sys.argv[1]))
    except AnchorlineError as error:
        print(error)
' "$1/report.json"
ls -A "$1"
cat "$1/report.json"
"""


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        lacking(f"no mount namespace can be made here: {tried.stderr}")
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", FULL, "sh", str(tmp_path), sys.executable],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    full = f"{tmp_path}/report.json: the report can't be written: No space left on device; make room on the disk"
    lines = done.stdout.splitlines()
    assert [line.partition(",")[0] for line in lines[:2]] == [full, full], done.stderr
    assert lines[2:] == ["report.json", "rest", "before"]


def test_the_page_is_loaded_for_a_page_alone() -> None:
    code = "import sys, anchorline.report.forms; print('anchorline.report.page' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_json_of_a_file_can_be_read(tmp_path: Path) -> None:
    write(broken(), form_of(tmp_path / "report.json"), tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["exit_code"] == 1
