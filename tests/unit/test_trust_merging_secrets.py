"""A password in a file of others, wherever its parser can stumble over it: no message, repr or exception holds it."""

from __future__ import annotations

from base64 import b64encode

import pytest

from anchorline.authority import Anchor, stage
from anchorline.spec import load
from anchorline.trust.stores import formats
from anchorline.trust.stores import merged as stores
from anchorline.trust.stores.merged import DesiredStores, ObservedStores, due
from anchorline.trust.stores.merging import MergeError
from tests.unit.foreign_files import CRI, NAMES, ROWS, said, wake

NAME = NAMES[0]
SECRETS = ("NewS3cret", "Pa:ss#w0rd", "2024-99-99", "7" * 40, "häßlich", "x" * 3000)
YAML = {
    "a key twice": "a:\n  password: {0}\n  password: {0}\n",
    "as key, twice": "{0}: 1\n{0}: 2\n",
    "unterminated": 'password: "{0}\n',
    "unterminated flow": "auth: {{password: {0}\n",
    "a bad escape": 'password: "\\q{0}"\n',
    "a tab": "a:\n\tpassword: {0}\n",
    "a control character": "password: {0}\x01\n",
    "a tag": "password: !{0} x\n",
    "a tag's value": "password: !secret {0}\n",
    "no number": "password: !!int {0}\n",
    "no float": "password: !!float {0}\n",
    "no date": "password: !!timestamp {0}\n",
    "no boolean": "password: !!bool {0}\n",
    "no base64": "password: !!binary {0}*\n",
    "python": "password: !!python/object/apply:{0} []\n",
    "an alias": "password: *{0}\n",
    "an anchor": "a: &{0} x\nb: &{0} y\nc: *b{0}\n",
    "a directive": "%{0}\n---\na: b\n",
    "a key that is a list": "? [{0}]\n: x\n",
    "no mapping": "{0}\n",
    "two documents": "a: {0}\n---\nb: {0}\n",
    "where configs are": "configs: {0}\n",
    "where a mirror is": "mirrors: {{{1}: {0}}}\n",
    "where our file is": "configs: {{{1}: {{tls: {{ca_file: '{0}'}}}}}}\n",
    "where our list is": "configs: {{{1}: {{tls: {{ca_file: ['{0}']}}}}}}\n",
    "beside our entry": "configs: {{{1}: {{auth: {{password: '{0}'}}, tls: {0}}}}}\n",
    "shared": "configs: {{a: &a {{auth: {{password: '{0}'}}}}, {1}: *a}}\n",
    "merged": "a: &a {{{1}: {{auth: {{password: '{0}'}}}}}}\nconfigs: {{<<: *a}}\n",
    "merged from a word": "<<: {0}\n",
    "bad indentation": "a:\n  b: {0}\n c: {0}\n",
    "two on a line": "a: b: {0}\n",
    "deep": "a: " + "{{{0}: " * 30 + "x" + "}}" * 30 + "\n",
}
TOML = {
    "a key twice": 'password = "{0}"\npassword = "{0}"\n',
    "as key, twice": '"{0}" = 1\n"{0}" = 2\n',
    "a table twice": '["{0}"]\n["{0}"]\n',
    "a table and a key": '"{0}" = 1\n["{0}"]\n',
    "unterminated": 'password = "{0}\n',
    "unterminated, long": 'password = """{0}\n',
    "a bad escape": 'password = "\\q{0}"\n',
    "a bad code": 'password = "\\u{0}"\n',
    "bare": "password = {0}\n",
    "a bare key": "{0}\n",
    "a bad table": "[{0} {0}]\n",
    "a control character": 'password = "{0}\x01"\n',
    "a date": "password = 2024-99-99{0}\n",
    "a number": "password = 0x{0}\n",
    "a huge number": "password = " + "1" * 5000 + "\n# {0}\n",
    "where registries are": 'registry = "{0}"\n',
    "where our list is": '[registry."{1}"]\nca = "{0}"\n',
    "in our list": '[registry."{1}"]\nca = ["{0}", 1]\n',
    "where plugins are": 'version = 2\nplugins = "{0}"\n',
    "where the version is": 'version = "{0}"\n',
    "where the path is": 'version = 2\n[plugins."{2}".registry]\nconfig_path = "{0}"\n',
    "where no string is": 'version = 2\n[plugins."{2}".registry]\nconfig_path = ["{0}"]\n',
    "beside the path": 'version = 2\n[plugins."{2}".registry.auths.a]\npassword = "{0}"\n',
    "where runners are": 'runners = "{0}"\n',
    "where a runner is": 'runners = ["{0}"]\n',
    "where docker is": '[[runners]]\ntoken = "{0}"\ndocker = "{0}"\n',
    "where volumes are": '[[runners]]\ntoken = "{0}"\n[runners.docker]\nvolumes = "{0}"\n',
    "in volumes": '[[runners]]\n[runners.docker]\nvolumes = ["{0}", 1]\n',
    "dotted, in the way": 'registry."{1}"."{0}" = "{0}"\nversion = 1\n',
}
FILES = [(store, kind) for store, row in ROWS.items() for kind in (TOML if row.path.endswith(".toml") else YAML)]


@pytest.fixture(scope="module")
def anchor(tmp_path_factory: pytest.TempPathFactory) -> Anchor:
    file = tmp_path_factory.mktemp("blue") / "anchorline.yml"
    file.write_text("version: 1\nsite: blue\nauthority: {CN: Blue CA}\n")
    return stage(load(file)).anchors[0]


def told(anchor: Anchor, store: str, text: str) -> tuple[list[str], int]:
    """All that is said of a file, where it is the host's and where it is the backup; and how many refused it."""
    row, words, refused = ROWS[store], [], 0
    for configure in (False, True):
        wanted = DesiredStores("blue", [store], [anchor], [anchor.pem], NAMES, [NAME], configure)
        for has in (said(row, text), said(row, text, backup=text), said(row, "", backup=text)):
            plan = due(has, wanted, {}, frozenset(), "")
            refused += plan.problem is not None
            words += [repr(has), repr(plan), str(plan.problem), *plan.notes]
            words += withdrawal(has)
    try:
        formats.read(text, row.path)
    except MergeError as error:
        words += wake(error)
    return words, refused


def withdrawal(has: ObservedStores) -> list[str]:
    try:
        return [repr(stores.back(has, "blue"))]
    except MergeError as error:
        return [*wake(error)]


@pytest.mark.parametrize(("store", "kind"), FILES)
def test_no_password_of_others_is_told(anchor: Anchor, store: str, kind: str) -> None:
    text = (TOML if ROWS[store].path.endswith(".toml") else YAML)[kind]
    for secret in SECRETS:
        words, _ = told(anchor, store, text.format(secret, NAME, CRI))
        assert [each for each in words if secret in each or secret[:20] in each or repr(secret)[1:-1] in each] == []


def test_most_of_them_are_refused(anchor: Anchor) -> None:
    """Or the above would look for a password where nothing is said."""
    found = [told(anchor, *_file(store, kind))[1] > 0 for store, kind in FILES]
    assert sum(found) > len(found) * 0.6


def _file(store: str, kind: str) -> tuple[str, str]:
    text = (TOML if ROWS[store].path.endswith(".toml") else YAML)[kind]
    return store, text.format("NewS3cret", NAME, CRI)


def test_a_file_of_other_bytes_is_not_told() -> None:
    row = ROWS["k3s"]
    body = b64encode(b"password: NewS3cret\xff\n").decode()
    with pytest.raises(MergeError, match=r"registries.yaml is not UTF-8 at byte 19") as raised:
        stores.read({"config": [f"k3s 600 {row.path} {body}"]})
    assert "NewS3cret" not in "".join(wake(raised.value))


def test_a_password_in_the_wake_is_found() -> None:
    """The control: what hangs on an exception is looked at, also where it isn't printed."""
    error = MergeError("a key stands twice")
    error.__context__ = KeyError("NewS3cret")
    assert "NewS3cret" in "".join(wake(error))
