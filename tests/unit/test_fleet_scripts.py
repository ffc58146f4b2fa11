from __future__ import annotations

import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from anchorline.fleet import words
from anchorline.fleet.probe import Question
from anchorline.fleet.scripts import PRELUDE, File, script, stdin
from anchorline.fleet.wire import CLOCK, MACHINE, join, new_frame, split

PACKAGE = Path(str(files("anchorline")))
FRAME = new_frame()
SOURCES = sorted(file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.sh"))
HEREDOC = re.compile(r"<<-?\s*(['\"]?)(?P<word>\w+)\1.*?\n(?P<body>.*?)^[ \t]*(?P=word)$", re.DOTALL | re.MULTILINE)

HOSTILE = [
    "$(touch /tmp/never)",
    "`touch /tmp/never`",
    "'; exit 7; '",
    '"; exit 7; "',
    "a\nb",
    "\\n \\\\ \t",
    "-n",
    "#no comment",
    "%s%d",
    "*",
    "!",
    "",
    "ü ☃",
]


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_arrives_as_it_is(shell: str, value: str) -> None:
    text = script(word=value) + "printf '%s' \"$word\""
    assert subprocess.run([shell, "-c", text], capture_output=True, check=True).stdout.decode() == value


def test_a_list_is_a_word_for_each_line() -> None:
    text = script(words=["a b", "$c", "'d'"], number=7) + 'printf \'%s\\n\' "$words" "$number"'
    said = subprocess.run(["sh", "-c", text], capture_output=True, check=True, text=True).stdout
    assert said == "a b\n$c\n'd'\n7\n"


def test_a_script_finds_the_tools_that_a_users_path_lacks() -> None:
    said = subprocess.run(
        ["/bin/sh", "-c", PRELUDE + 'echo "$PATH $LC_ALL"'], capture_output=True, text=True, env={"PATH": "/mine"}
    ).stdout
    assert said.startswith("/mine:")
    assert said.endswith(" C\n")
    assert {"/usr/sbin", "/sbin", "/usr/bin", "/bin"} <= set(said.split()[0].split(":"))


def test_there_are_scripts() -> None:
    assert {
        "fleet/shell/files.sh",
        "trust/probe.sh",
        "trust/apply.sh",
        "registry/shell/apply.sh",
        "verify/round_trip.sh",
    } <= {*SOURCES}


@pytest.mark.parametrize("shell", [["sh"], ["dash"], ["bash"], ["bash", "--posix"]], ids=" ".join)
@pytest.mark.parametrize("source", SOURCES)
def test_every_script_parses(shell: list[str], source: str) -> None:
    for text in (files("anchorline").joinpath(source).read_text(), script(source, state="/x")):
        checked = subprocess.run([*shell, "-n"], input=text, text=True, capture_output=True)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_a_script_that_does_not_parse_would_be_seen() -> None:
    assert subprocess.run(["sh", "-n"], input="if true; then\n", text=True, capture_output=True).returncode != 0


@pytest.mark.parametrize("source", SOURCES)
def test_comments_stay_here_and_nothing_else_does(source: str) -> None:
    raw = files("anchorline").joinpath(source).read_text()
    sent = script(source).removeprefix(PRELUDE)
    assert [
        line for line in raw.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ] == sent.splitlines()
    # in a here-document, a line with a # or an empty one would be content
    for found in HEREDOC.finditer(raw):
        assert not re.search(r"^\s*(#|$)", found["body"].rstrip("\n"), re.MULTILINE), found["word"]


def test_the_here_documents_are_found() -> None:
    body = HEREDOC.findall("cat <<LIST\n# content\n\nLIST\n")
    assert body == [("", "LIST", "# content\n\n")]
    assert len(HEREDOC.findall(files("anchorline").joinpath("fleet/shell/files.sh").read_text())) == 2


def test_files_on_standard_input() -> None:
    text = stdin([File("/etc/a b", "one\ntwo\n"), File("/etc/c", "no newline", "600")])
    odd = words.encode("/etc/a b")
    assert text == f"@ 644 {odd}\none\ntwo\n@ 600 /etc/c\nno newline\n@ end\n"
    assert stdin([]) == "@ end\n"


def test_a_content_that_would_be_read_as_another_file_is_refused() -> None:
    with pytest.raises(AssertionError, match="/etc/a"):
        stdin([File("/etc/a", "fine\n@ 644 /etc/shadow\n")])


def test_a_file_tells_nothing_of_its_content() -> None:
    key = File("/key", "secret", "600")
    assert "secret" not in f"{key} {key!r} {[key]}"


def test_joined_questions_are_answered_apart() -> None:
    text, data = join(
        {
            "one": Question('printf "%s\\n" "$data" | sed "s/^/got /"; exit 3\n', ["a", "b"]),
            "two": Question("cat; echo unread\n", ["c"]),
        },
        FRAME,
        60,
    )
    said = subprocess.run(["sh", "-c", text], input=data, capture_output=True, text=True, check=True).stdout
    answers = split(said.splitlines(), FRAME)
    assert answers.pop("end") == []
    assert answers.pop(CLOCK)[0].isdigit()
    assert len(answers.pop(MACHINE)) == 3
    assert answers == {"one": ["got a", "got b", "got c"], "two": ["unread"]}


def test_variables_of_one_probe_do_not_reach_the_next() -> None:
    text, data = join({"one": Question("mine=1; cd /\n"), "two": Question('echo "${mine:-unset}"\n')}, FRAME, 60)
    said = subprocess.run(["sh", "-c", text], input=data, capture_output=True, text=True, check=True).stdout
    assert split(said.splitlines(), FRAME)["two"] == ["unset"]
    assert data, "pyinfra takes an empty standard input for none"


@pytest.mark.parametrize("lines", [[], ["one"], ["one", "got", "two"], ["en"], ["end of file"]])
def test_half_an_answer_is_refused(lines: list[str]) -> None:
    with pytest.raises(ValueError, match="broke off"):
        split([f"=== {FRAME} {line}" for line in lines], FRAME)


def test_a_probe_that_prints_nothing_has_said_so() -> None:
    said = ["motd of a login shell", f"=== {FRAME} one", f"=== {FRAME} two", "got", "=== other end", f"=== {FRAME} end"]
    assert split(said, FRAME) == {"one": [], "two": ["got", "=== other end"], "end": []}
