"""Whatever a file holds, the outcome is data with its lines, or problems in the right place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from anchorline.spec import check, source

HEAD = b"version: 1\nsite: lab\n"


def _nested(depth: int) -> bytes:
    return b"a: " + b"[" * depth + b"]" * depth


# what is in the file, and the one problem: its line, its key, some of its words
BROKEN: dict[str, tuple[bytes, int, str, str]] = {
    "empty": (b"", 0, "", "is empty"),
    "comments alone": (b"# nothing\n", 0, "", "is empty"),
    "a text": (b"\nhello", 2, "", "isn't a mapping"),
    "a list": (b"- a\n- b\n", 1, "", "isn't a mapping"),
    "not YAML": (HEAD + b"authority: {CN: x\n", 4, "", "isn't YAML"),
    "a tab": (HEAD + b"trust:\n\tstores: [system]\n", 4, "", "indent with spaces, not tabs"),
    "two documents": (HEAD + b"---\nversion: 1\n", 3, "", "several documents"),
    "not UTF-8": (HEAD + b"authority: {CN: caf\xe9}\n", 3, "", "isn't UTF-8: byte 0xe9"),
    "UTF-16": ("version: 1\n".encode("utf-16"), 1, "", "isn't UTF-8"),
    "a NUL byte": (HEAD + b"authority: {CN: a\0b}\n", 3, "", "control character U+0000"),
    "an escaped NUL": (HEAD + b'authority: {CN: "a\\0b"}\n', 3, "authority.CN", "control character U+0000"),
    "a block of lines": (HEAD + b"authority:\n  CN: |\n    a\n    b\n", 4, "authority.CN", "control character U+000A"),
    "a key twice": (HEAD + b"site: other\n", 3, "site", "is written twice, first in line 2"),
    "a deep key twice": (HEAD + b"limits:\n  failed: 1%\n  failed: 2%\n", 5, "limits.failed", "first in line 4"),
    "no value": (HEAD + b"registry:\n", 3, "registry", "has no value"),
    "null": (HEAD + b"trust: {also: [~]}\n", 3, "trust.also[0]", "has no value"),
    "a merge key": (HEAD + b"verify: {<<: {push: all}}\n", 3, "verify", "merge keys"),
    "a list as a key": (HEAD + b"? [a]\n: b\n", 3, "", "a key must be a word"),
    "no key": (HEAD + b"'': b\n", 3, "", "a key must be a word"),
    "a tag": (HEAD + b"verify: !!python/object:os.system {push: all}\n", 3, "verify", "tag"),
    "another tag": (HEAD + b"verify: {push: !mine all}\n", 3, "verify.push", "tag '!mine'"),
    "nested": (HEAD + _nested(100), 3, "", "nested deeper"),
    "nested past the C stack": (HEAD + _nested(100_000), 3, "", "nested deeper"),
    "nested in block style": (HEAD + b"a:\n  " + b"- " * 100_000, 4, "", "nested deeper"),
    "holding itself": (HEAD + b"trust: &t\n  also: *t\n", 3, "", "holds itself by an alias"),
    "an unknown alias": (HEAD + b"trust: *t\n", 3, "", "isn't YAML"),
    "huge": (HEAD + b"#" * source.LARGEST, 0, "", "is the most"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_problem_in_its_place(name: str, tmp_path: Path) -> None:
    content, line, key, words = BROKEN[name]
    path = tmp_path / "anchorline.yml"
    path.write_bytes(content)
    problems = [each for each in check(path).problems if "unknown key" not in each.cause]
    assert [(each.place.file, each.place.line, each.place.key) for each in problems] == [(path, line, key)], problems
    assert words in str(problems[0])


def test_aliases_that_multiply_are_stopped_early(tmp_path: Path) -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    path = tmp_path / "anchorline.yml"
    path.write_text(f"a0: &a0 [x]\n{levels}\n")
    (problem,) = check(path).problems
    assert f"over {source.MOST_NODES:,} values" in problem.cause


def test_an_alias_is_what_it_stands_for(tmp_path: Path) -> None:
    path = tmp_path / "anchorline.yml"
    path.write_text("a: &key {algo: rsa}\nb: *key\n")
    document, problems = source.read(path)
    assert not problems
    assert document is not None
    assert document.data == {"a": {"algo": "rsa"}, "b": {"algo": "rsa"}}


def test_every_scalar_is_the_text_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "anchorline.yml"
    path.write_text(
        "country: NO\nday: 2022-05-30\nhex: 0x1F\noctal: 0755\nfloat: 1.10\nquoted: 'a: b'\n1: one\nyes: y\n"
    )
    document, problems = source.read(path)
    assert not problems
    assert document is not None
    assert document.data == {
        "country": "NO",
        "day": "2022-05-30",
        "hex": "0x1F",
        "octal": "0755",
        "float": "1.10",
        "quoted": "a: b",
        "1": "one",
        "yes": "y",
    }


def test_lines_and_key_paths_are_kept_for_keys_and_items(tmp_path: Path) -> None:
    path = tmp_path / "anchorline.yml"
    path.write_bytes("\ufeffa:\r\n  b:\r\n    - x\r\n    - c: y\r\n".encode())
    document, problems = source.read(path)
    assert not problems
    assert document is not None
    where = {place.key: place.line for place in document.places.values()}
    assert where == {"": 0, "a": 1, "a.b": 2, "a.b[0]": 3, "a.b[1]": 4, "a.b[1].c": 4}
    assert document.place(("a", "b", 1, "unwritten", 7)).key == "a.b[1]"


def test_json_may_be_indented_with_tabs(tmp_path: Path) -> None:
    path = tmp_path / "csr.json"
    path.write_text('{\n\t"CN": "a\\u0062\\/",\n\t"hosts":["x",\n\t\t"y"]\n}\n')
    document, problems = source.read(path)
    assert not problems
    assert document is not None
    assert document.data == {"CN": "ab/", "hosts": ["x", "y"]}
    assert document.places["hosts", 1].line == 4


def _folder(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "words"),
    [(_folder, "is a folder"), (_fifo, "isn't a regular file"), (_loop, "can't be read"), (None, "doesn't exist")],
)
def test_what_is_no_readable_file(make: Callable[[Path], None] | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "anchorline.yml"
    if make:
        make(path)
    (problem,) = check(path).problems
    assert problem.place.file == path
    assert words in problem.cause


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "anchorline.yml"
    path.write_bytes(HEAD)
    path.chmod(0)
    (problem,) = check(path).problems
    assert "Permission denied" in problem.cause


@pytest.mark.parametrize("path", ["x\0y", "x" * 300, "/dev/null/x"])
def test_paths_that_no_system_takes(path: str) -> None:
    (problem,) = check(Path(path)).problems
    assert "can't be read" in problem.cause


def test_the_reader_does_without_the_c_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(source, "_LOADER", yaml.SafeLoader)
    test_json_may_be_indented_with_tabs(tmp_path)
    test_every_scalar_is_the_text_that_was_written(tmp_path)
    for name in BROKEN:
        test_a_broken_file_is_one_problem_in_its_place(name, tmp_path)
