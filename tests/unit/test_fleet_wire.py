"""The wire between control and a host: words, frames and bounds, by each shell that a host may have."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from anchorline.fleet import words
from anchorline.fleet.probe import Question
from anchorline.fleet.scripts import PRELUDE, assignments, source
from anchorline.fleet.wire import LARGEST, join, new_frame, split

SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "ash": ["busybox", "ash"]}
by_each_shell = pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
WORDS = source("fleet/shell/words.sh")
PATHS = some.lists(some.binary(max_size=40).map(lambda said: said.replace(b"\0", b"").decode(errors="surrogateescape")))
HOSTILE = "x\nmarker ca 00\ny", "=== registry", "=== end", "a b", "", "\\", "%s", "-n", "\x1b[2J", "\udcff\udcfe", "é"


def said(shell: list[str], script: str, stdin: str = "") -> str:
    done = subprocess.run([*shell, "-c", PRELUDE + script], input=stdin.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode(errors="surrogateescape")


def given_to(shell: list[str], script: str, *arguments: str) -> str:
    """With arguments as their bytes are: a name on a host comes to a script without having travelled."""
    text = f"export LC_ALL=C\n{script}"
    command = [*map(os.fsencode, [*shell, "-c", text, "sh", *arguments])]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode("ascii")


@by_each_shell
@settings(max_examples=20, deadline=None, derandomize=True)
@given(some.data())
def test_a_word_comes_as_it_was(shell: list[str], data: some.DataObject) -> None:
    told = [*data.draw(PATHS), *HOSTILE]
    answer = given_to(shell, WORDS + 'tell path "$@"', *told)
    assert answer.count("\n") == 1, "whatever a word holds, it stands in its line"
    assert answer.isprintable() or answer[:-1].isprintable()
    assert words.read(answer.splitlines()) == {"path": [tuple(told)]}


@by_each_shell
def test_a_word_goes_back_as_it_was(shell: list[str]) -> None:
    told = [word for word in HOSTILE if "\n" not in word and word]
    back = said(shell, assignments({"paths": told}) + WORDS + 'printf "%s\\n" "$paths"')
    assert back.splitlines() == told


@pytest.mark.parametrize("word", HOSTILE)
def test_what_is_encoded_is_read_again(word: str) -> None:
    assert words.decode(words.encode(word)) == word
    assert words.encode(word).isascii()
    assert not {*words.encode(word)} & {" ", "\n", "\x1b"}


@pytest.mark.parametrize("word", ["\\0999", "\\01", "\\", "\\x41", "plain\\0101"])
def test_what_no_script_of_ours_wrote_is_read_as_well(word: str) -> None:
    assert isinstance(words.decode(word), str)
    assert words.decode("plain\\0101") == "plainA"


@by_each_shell
def test_a_long_word_is_cut(shell: list[str]) -> None:
    for word in ("x" * 100_000, "\n" * 100_000):
        assert len(given_to(shell, WORDS + 'tell name "$1"', word)) <= 60_001


@by_each_shell
def test_the_lines_of_a_file_are_words(shell: list[str]) -> None:
    answer = said(shell, WORDS + "tell_lines marker; tell_each </dev/null", "ca 11\n * \\ \x1b[1m\nlast")
    assert words.read(answer.splitlines()) == {"marker": [("ca", "11"), ("*", "\\", "\x1b[1m"), ("last",)]}


def look(shell: list[str], script: str, *, seconds: int = 20, path: str = "") -> tuple[bytes, str, float]:
    """What a look of one question says on both streams, and how long it took."""
    frame = new_frame()
    text, data = join({"one": Question(script)}, frame, seconds)
    began = time.monotonic()
    environment = {**os.environ, **({"PATH": path} if path else {})}
    done = subprocess.run([*shell, "-c", text], input=data.encode(), capture_output=True, check=False, env=environment)
    return done.stdout.replace(frame.encode(), b"FRAME"), done.stderr.decode(), time.monotonic() - began


@by_each_shell
def test_a_frame_is_no_word_of_the_host(shell: list[str]) -> None:
    out, _, _ = look(
        shell, "printf '=== end\\n=== x end\\n=== registry\\n'; tr '\\0' '\\n' </proc/$$/cmdline | grep ^===\n"
    )
    assert split(out.decode().splitlines(), "FRAME")["one"] == ["=== end", "=== x end", "=== registry"]


@by_each_shell
def test_the_frame_stands_in_no_command_line(shell: list[str]) -> None:
    frame = new_frame()
    text, data = join(
        {"one": Question("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | od -c\n")}, frame, 20
    )
    done = subprocess.run([*shell, "-c", text], input=data, capture_output=True, text=True, check=True)
    dump = "".join(split(done.stdout.splitlines(), frame)["one"])
    assert frame not in text
    assert "  ".join(f" {letter}" for letter in frame[:6]) not in dump


@pytest.fixture(params=["coreutils", "busybox", "no setsid"])
def programs(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A PATH with the programs that a host has."""
    for name in ("sh", "cat", "sleep", "date", "readlink", "ls", "head", "timeout", "setsid", "yes", "awk", "od", "tr"):
        if request.param == "no setsid" and name == "setsid":
            continue
        program = shutil.which("busybox" if request.param == "busybox" and name != "sh" else name)
        assert program
        (tmp_path / name).symlink_to(program)
    return str(tmp_path)


@by_each_shell
def test_nothing_runs_on(shell: list[str], programs: str, tmp_path: Path) -> None:
    """What the look has begun, also what it waits for and what it left in the background, ends with its time."""
    script = f"sleep 61 & echo $! >{tmp_path}/left\nsh -c 'echo $$ >{tmp_path}/waits; exec sleep 62; true'\n"
    shell = [shutil.which(shell[0]) or shell[0], *shell[1:]]
    text, data = join({"one": Question(script)}, "frame", 1)
    # the PATH alone, or the system's own programs would be found
    text = text.replace(PRELUDE, f"export LC_ALL=C PATH={programs}\n")
    began = time.monotonic()
    done = subprocess.run([*shell, "-c", text], input=data, capture_output=True, text=True, check=False)
    assert time.monotonic() - began < 10
    assert "longer than 1 s" in done.stderr
    with pytest.raises(ValueError, match="broke off"):
        split(done.stdout.splitlines(), "frame")
    time.sleep(0.2)
    for name in ("left", "waits"):
        assert not running(int((tmp_path / name).read_text()))


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_process_that_runs_on_would_be_seen() -> None:
    process = subprocess.Popen(["sleep", "30"])
    try:
        assert running(process.pid)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not running(process.pid)


@by_each_shell
def test_an_answer_without_an_end_is_cut_on_the_host(shell: list[str]) -> None:
    out, _, _ = look(shell, "yes\n")
    assert len(out) <= LARGEST
    assert b"FRAME end" not in out


ENDLESS = """
import resource, sys
from anchorline.fleet.reading import TooMuchError, bounded
from pyinfra.connectors import util
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    with bounded(str):
        util.run_local_process(sys.argv[1], timeout=30)
except TooMuchError as error:
    print(error, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, sep="|")
"""


@pytest.mark.parametrize(
    ("command", "bound"),
    [
        ("yes", "more than 100000 lines"),
        ("yes >&2", "more than 100000 lines"),
        ("cat /dev/zero", "a line of more than 64 KiB"),
        ("yes $(printf %01000d 0)", "more than 4 MiB"),
    ],
)
def test_whoever_answers_without_an_end_costs_little(command: str, bound: str) -> None:
    done = subprocess.run([sys.executable, "-c", ENDLESS, command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    said, _, megabytes = done.stdout.partition("|")
    assert said == bound
    assert int(megabytes) < 64


READ = """
import sys
from anchorline.fleet.reading import bounded
from pyinfra.connectors import util
with bounded(str):
    print(ascii(util.run_local_process(sys.argv[1], timeout=30)[1].stdout_lines))
"""


def test_what_is_no_utf8_is_read() -> None:
    command = [sys.executable, "-c", READ, "printf '\\377x\\n'"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "['\\udcffx']\n", done.stderr
