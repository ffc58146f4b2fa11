"""The messages of docs/troubleshooting.md against the code."""

from __future__ import annotations

import re

from tests.unit.documents import ROOT

SOURCES = [path for path in sorted((ROOT / "anchorline").rglob("*")) if path.suffix in (".py", ".sh")]

# said by sudo, openssl, Go and curl, not by us
OF_OTHERS = {
    *("sudo: a password is required", "certificate signed by unknown authority", "SSL certificate problem"),
    *("certificate has expired or is not yet valid", "no such host", "Could not resolve host"),
    *("connection refused", "i/o timeout"),
}


def test_the_messages_are_the_codes() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text()
    first = re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE)
    said = [message for cell in first for message in re.findall(r"`([^`]+)`", cell)]
    assert len(said) >= 50
    code = re.sub(r"['\"]\s*\n\s*f?['\"]", "", "\n".join(path.read_text() for path in SOURCES))
    assert [message for message in said if message not in OF_OTHERS and message not in code] == []
    assert set(said) >= OF_OTHERS
