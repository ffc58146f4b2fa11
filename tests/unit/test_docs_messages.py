"""The messages of docs/troubleshooting.md: each is said by the code, which is called for it here.

``UNCALLED`` are those that only a whole run says; the tests of that run hold them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from anchorline.authority import Staged
from anchorline.verify.diagnosis import Case
from tests.unit.documents import ROOT
from tests.unit.said import Said
from tests.unit.said_here import nothing_was_changed, the_ca, the_command_line
from tests.unit.said_of_hosts import doctor, registry, trust, withdrawal

PAGE = (ROOT / "docs/troubleshooting.md").read_text()
OTHERS = {
    *("sudo: a password is required", "certificate signed by unknown authority", "SSL certificate problem"),
    *("certificate has expired or is not yet valid", "no such host", "Could not resolve host"),
    *("connection refused", "i/o timeout", "No host key for", "SSH host key error"),
}
"""Said by sudo, openssl, Go, curl and pyinfra, not by us."""


def rows() -> dict[str, list[str]]:
    """The messages of the page, by their heading."""
    found: dict[str, list[str]] = {}
    for part in PAGE.split("\n## ")[1:]:
        cells = re.findall(r"^\| (`[^|]+) \|", part, re.MULTILINE)
        found[part.splitlines()[0]] = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]
    return found


UNCALLED = {
    "The command line": {"the inventory or --limit matches none"},
    "Refused, and nothing was changed": {": one run takes one spec"},
    "The CA and its files": {"a CA key is here already"},
    "withdraw, distrust": {"still trusted, not by us"},
    "registry": {"(registry: archive), and"},
    "verify": {"not verified: the step registry failed"},
}


@pytest.fixture
def said(tmp_path: Path, well: Case, red_ca: Staged) -> Mapping[str, str]:
    """What the code says when it is called, by the page's headings."""
    every: dict[str, Callable[[Path], Said]] = {
        "The command line": the_command_line,
        "Refused, and nothing was changed": nothing_was_changed,
        "The CA and its files": the_ca,
        "trust": trust,
        "withdraw, distrust": withdrawal,
        "registry": registry,
        "doctor": lambda folder: doctor(folder, well, red_ca),
    }
    found = {}
    for number, (heading, work) in enumerate(every.items()):
        (tmp_path / str(number)).mkdir()
        found[heading] = "\n".join(work(tmp_path / str(number)))
    return found


def unsaid(page: Mapping[str, Iterable[str]], said: Mapping[str, str]) -> list[str]:
    """The messages of a page that the code doesn't say under their heading."""
    return [
        f"{heading}: {each}"
        for heading, messages in page.items()
        for each in messages
        if each not in OTHERS | UNCALLED.get(heading, set()) and each not in said.get(heading, "")
    ]


def test_each_message_is_what_the_code_says(said: Mapping[str, str]) -> None:
    assert sum(map(len, rows().values())) >= 100
    assert unsaid(rows(), said) == []
    assert unsaid({"trust": ["no row for this syste", "no row for that system"]}, said) == [
        "trust: no row for that system"
    ]


def test_what_is_not_called_is_on_the_page_and_is_not_said(said: Mapping[str, str]) -> None:
    """So that the list can't outlive its reason."""
    for heading, messages in UNCALLED.items():
        assert messages <= {*rows()[heading]}
        assert [each for each in messages if each in said.get(heading, "")] == []
    assert {each for messages in rows().values() for each in messages} >= OTHERS
