"""Files of others that are out of shape or out of proportion: one host fails alone, soon, and in our own words."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from anchorline.trust.stores import formats
from anchorline.trust.stores import merged as stores
from anchorline.trust.stores.merging import MergeError
from tests.unit.foreign_files import CRI, FRAGMENT, NAMES, ROWS, outcome, parsed, said

NAME = NAMES[0]
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join(['*' + other] * 9)}]\n" for other, one in zip("abcdefgh", "bcdefghi", strict=True)
)
SHAPES = {
    "no list": ("buildkit", f'[registry."{NAME}"]\nca = "x"\n', f"registry.{NAME}.ca is no list of strings"),
    "numbers": ("buildkit", f'[registry."{NAME}"]\nca = [1]\n', f"registry.{NAME}.ca is no list of strings"),
    "no table": ("buildkit", f'[registry]\n"{NAME}" = "x"\n', f"registry.{NAME} is no mapping"),
    "array of tables": ("buildkit", "[[registry]]\n", "registry is no mapping"),
    "volumes a string": ("gitlab-runner", '[[runners]]\n[runners.docker]\nvolumes = "x"\n', "volumes is no list"),
    "volumes a number": ("gitlab-runner", "[[runners]]\n[runners.docker]\nvolumes = [1]\n", "volumes is no list"),
    "mixed": ("gitlab-runner", '[[runners]]\n[runners.docker]\nvolumes = ["a", 1]\n', "volumes is no list"),
    "docker a string": ("gitlab-runner", '[[runners]]\ndocker = "x"\n', "runners.docker is no mapping"),
    "runners a table": ("gitlab-runner", "[runners]\n", "runners is no list of mappings"),
    "runners numbers": ("gitlab-runner", "runners = [1]\n", "runners is no list of mappings"),
    "runners false": ("gitlab-runner", "runners = false\n", "runners is no list of mappings"),
    "version a list": ("containerd", "version = [2]\n", "its version is neither 2 nor 3"),
    "version a string": ("containerd", 'version = "2"\n', "its version is neither 2 nor 3"),
    "version a float": ("containerd", "version = 2.0\n", "its version is neither 2 nor 3"),
    "path a number": (
        "containerd",
        f'version = 2\nplugins."{CRI}".registry.config_path = 1\n',
        "config_path is no string",
    ),
    "plugins a list": ("containerd", "version = 2\nplugins = []\n", "plugins is no mapping"),
    "a control character": ("k3s", "a: 1\nb: \x01\n", "line 2: it has a control character"),
    "a NUL in a comment": ("buildkit", "# \x00\n", "line 1: it has a control character"),
    "no date": ("k3s", "a: 2024-99-99\n", "a number or a date that is none"),
    "no date either": ("k3s", "a: 2020-13-45\n", "a number or a date that is none"),
    "no number": ("k3s", "a: !!int x\n", "a number or a date that is none"),
    "no TOML date": ("buildkit", "a = 2024-99-99\n", "it isn't valid TOML"),
    "a huge number": ("buildkit", f"a = {'1' * 5000}\n", "a number or a date that is none"),
    "python": ("k3s", "a: 1\nb: !!python/object/apply:os.system [x]\n", "line 2: it has a tag or a key"),
    "a tag": ("k3s", "a: !mine x\n", "line 1: it has a tag or a key"),
    "a list as key": ("k3s", "? [a]\n: b\n", "line 1: it has a tag or a key"),
    "a mapping as key": ("k3s", "? {a: b}\n: c\n", "line 1: it has a tag or a key"),
    "deep": ("k3s", "{a: " * 500 + "}" * 500, "line 1: it is nested deeper than 20"),
    "deep lists": ("k3s", "a: " + "[" * 100_000, "it is nested deeper than 20"),
    "deep TOML": ("buildkit", "a = " + "[" * 50_000 + "]" * 50_000, "it is nested too deep"),
    "somewhat deep TOML": ("buildkit", "a = " + "[" * 25 + "]" * 25, "it is nested deeper than 20"),
    "deep keys": ("buildkit", ".".join("a" * 1000) + " = 1\n", "it is nested deeper than 20"),
    "a bomb": ("k3s", BOMB, "it has more than 10,000 values"),
    "a bomb of merges": (
        "k3s",
        BOMB.replace("[x, x, x, x, x, x, x, x, x]", "{x: 1}"),
        "it has more than 10,000 values",
    ),
    "many aliases": ("k3s", "a: &a x\nb: [" + "*a, " * 101 + "]\n", "line 2: it has more than 100 aliases"),
    "an alias of itself": ("k3s", "a: &a [*a]\n", "line 1: it has an alias without its anchor before it"),
    "a merge of itself": ("k3s", "a: &a {<<: *a}\n", "line 1: it has an alias without its anchor before it"),
    "several documents": ("k3s", "a: 1\n---\nb: 2\n", "line 2: it has several documents"),
    "a list": ("k3s", "- a\n", "line 1: it isn't a mapping"),
    "a word": ("k3s", "a\n", "line 1: it isn't a mapping"),
    "a key twice": ("k3s", "a:\n  b: 1\n  b: 2\n", "line 3: a key stands twice"),
    "a list of names": ("k3s", "configs: [a]\n", "configs is no mapping"),
    "a name that is a word": ("k3s", f"configs: {{{NAME}: x}}\n", f"configs.{NAME} is no mapping"),
    "another CA": ("k3s", f"configs: {{{NAME}: {{tls: {{ca_file: [x]}}}}}}\n", "ca_file is another file than ours"),
    "a shared entry": (
        "k3s",
        f"configs:\n  other: &o {{tls: {{insecure_skip_verify: true}}}}\n  {NAME}: *o\n",
        "our entry doesn't fit into its form",
    ),
    "a merged entry": (
        "k3s",
        f"x: &x {{{NAME}: {{tls: {{}}}}}}\nconfigs:\n  <<: *x\n",
        "our entry doesn't fit into its form",
    ),
    "huge": ("k3s", "a: " + "x" * formats.LARGEST, "it has more than 131,072 bytes"),
    "many values": ("k3s", "- x\n" * 10_001, "it has more than 10,000 values"),
    "many dots": ("buildkit", "a.b = 1\n" * 1_001, "it has more than 1,000 dots"),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_what_is_refused(kind: str) -> None:
    store, text, words = SHAPES[kind]
    row, begin = ROWS[store], time.monotonic()
    error = outcome(lambda: row.merged(text, FRAGMENT))
    assert isinstance(error, MergeError)
    assert str(error).startswith(row.path)
    assert words in str(error)
    assert error.problem.fix
    assert len(str(error)) < 300
    # a withdrawal leaves alone what can't hold anything of ours, and names what can't be read
    left = outcome(lambda: row.without(text, FRAGMENT))
    assert left == text or str(left).endswith("fix it, it was left as it is")
    assert time.monotonic() - begin < 5


KEPT = {
    "no last line break": ("buildkit", "debug = true"),
    "CRLF": ("buildkit", "debug = true\r\n# theirs\r\n"),
    "a BOM": ("containerd", "\ufeffversion = 2\r\n"),
    "comments alone": ("k3s", "# nothing yet\n"),
    "a document's begin": ("k3s", "# theirs\n---\n# more\na: 1 # one\n"),
    "numbers as written": ("k3s", "a: +1\nb: 0o17\nc: 1_000\nd: 010\ne: ~\nf: 2001-12-14t21:59:43.10-05:00\n"),
    "indented lists": ("k3s", "a:\n    - x\n    - y   # c\nb: [1,\n  2]\n"),
    "escapes": ("k3s", 'a: "\\x41"\nb: "\x85\u2028"\n'),
    "aliases": ("k3s", "a: &a {x: 1}\nb: *a\nc:\n  <<: *a\n"),
    "a key that is no string": ("k3s", "1: 2\nyes: no\n"),
    "scattered tables": ("buildkit", '[registry.a]\nca = ["x"] # c\n[worker]\nx = 1\n[registry.b]\nhttp = true\n'),
    "dotted keys": ("buildkit", 'registry.a.ca = ["x"]\n[worker]\n'),
    "an empty table": ("buildkit", "[registry]\n[worker]\n"),
    "inline runners": ("gitlab-runner", 'runners = [{name = "a", docker = {volumes = ["x"]}}]\n'),
}


@pytest.mark.parametrize("kind", KEPT)
def test_the_bytes_of_others_stay(kind: str) -> None:
    store, text = KEPT[kind]
    row = ROWS[store]
    merged = row.merged(text, FRAGMENT)
    assert merged != text
    assert parsed(row, merged)
    assert row.merged(merged, FRAGMENT) == merged
    assert row.without(merged, FRAGMENT) == text


def test_dotted_keys_with_nothing_but_ours() -> None:
    text = '[[runners]]\nname = "a"\ndocker.volumes = []\n'
    row = ROWS["gitlab-runner"]
    left = row.without(row.merged(text, FRAGMENT), FRAGMENT)
    assert parsed(row, left) == {"runners": [{"name": "a"}]}


@pytest.mark.parametrize(
    ("store", "text"),
    [
        ("k3s", "configs:\n  a: {}\n  b: {tls: {}}\n"),
        ("buildkit", '[registry."a"]\n[registry."b"]\nca = []\n'),
        ("containerd", f'version = 2\n[plugins."{CRI}".registry]\n'),
    ],
)
def test_what_is_empty_and_not_ours_stays(store: str, text: str) -> None:
    assert ROWS[store].without(text, FRAGMENT) == text


def test_what_stood_there_before_us_is_given_back() -> None:
    mirror = f"mirrors:\n  {NAME}:\n    endpoint: [https://{NAME}]\n"
    volume = "/etc/docker/certs.d:/etc/docker/certs.d:ro"
    runners = f'[[runners]]\n[runners.docker]\nvolumes = ["{volume}"]\n[[runners]]\n[runners.docker]\n'
    for store, text in (("k3s", mirror), ("k3s", "configs:\n"), ("gitlab-runner", runners)):
        row = ROWS[store]
        merged = row.merged(text, FRAGMENT)
        assert stores.back(said(row, merged, backup=text), "blue").restored == (row.path,)


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("a: 1", "a: true"),
        lambda text: text.replace("a: 1", "a: 1.0"),
        lambda text: "# theirs\n" + text,
        lambda text: text.replace("a: 1", "a: 1 # theirs"),
    ],
)
def test_what_others_wrote_after_us_stays(edit: Callable[[str], str]) -> None:
    row, text = ROWS["k3s"], f"a: 1\nconfigs:\n  {NAME}:\n    auth: {{username: x}}\n"
    back = stores.back(said(row, edit(row.merged(text, FRAGMENT)), backup=text), "blue")
    assert back.restored == ()
    [file] = back.rewritten
    assert file.content == edit(text)


@pytest.mark.parametrize("backup", ["[", "a: [", BOMB, "- a\n", "\x00"])
def test_a_backup_that_is_none_hinders_no_withdrawal(backup: str) -> None:
    row = ROWS["k3s"]
    back = stores.back(said(row, row.merged("a: 1\n", FRAGMENT), backup=backup), "blue")
    assert [file.content for file in back.rewritten] == ["a: 1\n"]


def lines(of: Callable[[int], str], most: int) -> str:
    """As many lines as the bounds let in, of at most so many."""
    text = "".join(map(of, range(most)))
    return text[: text.rindex("\n", 0, formats.LARGEST - 1000) + 1] if len(text) > formats.LARGEST - 1000 else text


OURS = f'[registry]\n"{NAME}" = {{}}\n'
"""What makes tomlkit change the document."""
PLACE = f"configs:\n  {NAME}: {{}}\n"
WORST = {
    "keys": ("buildkit", lines(lambda each: f"a{each} = 1\n", 9_900) + OURS),
    "tables": ("buildkit", lines(lambda each: f"[a{each}]\n", 9_900) + OURS),
    "dotted keys": ("buildkit", lines(lambda each: f"{'a.' * 18}b{each} = 1\n", 55) + OURS),
    "few dots": ("buildkit", lines(lambda each: f"a.b{each} = 1\n", 990) + OURS),
    "dotted tables": ("buildkit", lines(lambda each: f"[{'a.' * 18}b{each}]\n", 55) + OURS),
    "scattered": ("buildkit", lines(lambda each: f"[a.b{each}]\n[b.b{each}]\n", 499) + OURS),
    "array": ("buildkit", "a = [\n" + lines(lambda _: "1, #\n", 9_900) + "]\n" + OURS),
    "comments": ("buildkit", lines(lambda _: "#\n", 100_000) + OURS),
    "quotes": ("buildkit", lines(lambda _: '# """\n', 100_000) + OURS),
    "YAML keys": ("k3s", lines(lambda each: f"a{each}: x\n", 4_900) + PLACE),
    "YAML list": ("k3s", "a:\n" + lines(lambda _: "- x\n", 9_900) + PLACE),
    "YAML flow list": ("k3s", "a: [" + lines(lambda _: "x,\n ", 9_900) + "]\n" + PLACE),
    "YAML merges": ("k3s", "b: &b {x: 1}\n" + lines(lambda each: f"a{each}: {{<<: *b}}\n", 99) + PLACE),
    "YAML big merges": (
        "k3s",
        "b: &b\n"
        + "".join(f"  x{each}: 1\n" for each in range(40))
        + lines(lambda each: f"a{each}: {{<<: *b}}\n", 99)
        + PLACE,
    ),
    "YAML anchors": ("k3s", lines(lambda each: f"a{each}: &a{each} x\n", 4_900) + PLACE),
    "YAML comments": ("k3s", PLACE + lines(lambda _: "#\n", 100_000)),
}


SOON = ("tables", "dotted keys", "YAML flow list", "YAML anchors")
"""Those that took longest."""


@pytest.mark.parametrize(
    "kind", [pytest.param(each, marks=() if each in SOON else pytest.mark.drill) for each in WORST]
)
def test_the_worst_within_the_bounds_takes_seconds(kind: str) -> None:
    store, text = WORST[kind]
    begin = time.process_time()
    merged = outcome(lambda: ROWS[store].merged(text, FRAGMENT))
    assert time.process_time() - begin < 15, "a slow machine; it is a third of that here"
    assert not isinstance(merged, MergeError) or "fit" in str(merged)
