"""What a run, and a status in each of its forms, says of hosts."""

from __future__ import annotations

import html
import json
import re
import subprocess
from collections.abc import Mapping
from typing import Any

from tests.fleet.conftest import HOSTS, Result, Site


def summary(result: Result) -> dict[str, str]:
    """The summary's line of each host."""
    lines = (line.split(maxsplit=1) for line in result.err.splitlines())
    return {words[0]: words[1] for words in lines if len(words) == 2 and words[0] in HOSTS}


def fix(result: Result, host: str) -> tuple[str, str]:
    """What a run says below a host's cause: where it is typed, and the command."""
    lines = result.err.splitlines()
    mine = (at for at, line in enumerate(lines) if line[:2] == "✗ " and host in line[2:].partition(": ")[0].split(", "))
    where, _, command = lines[next(mine) + 1].strip().partition(": ")
    return where, command


def alone(result: Result, bad: Mapping[str, tuple[str, ...]]) -> None:
    """Those hosts, and no others, are in a state for a cause, the words of which follow it; the run ended with 1."""
    result.failed()
    rows = summary(result)
    for host, (state, *words) in bad.items():
        assert rows[host].startswith(state), str(result)
        for word in words:
            assert word in rows[host], rows
    assert all(rows[other].startswith(("changed", "as declared")) for other in result.hosts if other not in bad), rows


FORMS = ("text", "json", "junit", "prometheus", "html", "markdown")


def status(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in the site's folder, in the lab's network."""
    command = [site.anchorline, "status", *arguments]
    return site.lab.run(command, cwd=site.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)


def told(site: Site) -> dict[str, Any]:
    """What it says for programs."""
    found: dict[str, Any] = json.loads(status(site, "--format", "json").stdout)
    return found


def words_of(form: str, said: str) -> str:
    """The text of a form, without its marks and on one line."""
    if form in ("html", "markdown", "junit"):
        said = html.unescape(re.sub(r"<[^>]*>", "", said.replace("&#10;", " ")))
    if form in ("json", "prometheus"):
        said = said.replace('\\"', '"')
    return " ".join(said.split())
