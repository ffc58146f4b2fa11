"""What was issued: ``issued.jsonl``, one JSON object a line, only ever added to.

Each line tells a certificate's serial number, names, profile, issuer, dates and fingerprint, which one it replaces, and
who issued it where. A certificate that is here and has no line gets one with the next that is issued, without who and
where: so a file that was lost or damaged is made again from the certificates.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from anchorline.authority import keys
from anchorline.authority.certificates import fingerprint

_SHA256 = re.compile(r'"sha256": "([0-9a-f]{64})"')

# where a pipeline says which run it is: GitHub (three parts), GitLab, Jenkins and others
_PIPELINES = ("{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}", "{CI_JOB_URL}", "{BUILD_URL}")


@dataclass(frozen=True)
class Issue:
    """One certificate that was issued: its name in the site, under which profile, and in place of which one."""

    name: str
    certificate: x509.Certificate
    profile: str = ""
    replaces: x509.Certificate | None = None
    reason: str = ""


def record(issue: Issue, where: Mapping[str, str] | None, now: datetime) -> str:
    """The line of one certificate. ``where`` None: it was found, and nobody knows."""
    certificate = issue.certificate
    sans = [each.value for each in certificate.extensions if isinstance(each.value, x509.SubjectAlternativeName)]
    line: dict[str, Any] = {
        "time": now.isoformat(timespec="seconds"),
        "name": issue.name,
        "serial": f"{certificate.serial_number:x}",
        "subject": certificate.subject.rfc4514_string(),
        "names": [str(name.value) for san in sans for name in san],
        "profile": issue.profile,
        "issuer": certificate.issuer.rfc4514_string(),
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "key": keys.describe(keys.kind(certificate.public_key())),
        "sha256": fingerprint(certificate),
        "replaces": fingerprint(issue.replaces) if issue.replaces else None,
        "reason": issue.reason,
        "by": dict(where) if where is not None else None,
    }
    return json.dumps(line) + "\n"


def known(journal: str) -> frozenset[str]:
    """The SHA-256 of each certificate that has a line."""
    return frozenset(_SHA256.findall(journal))


def read(journal: str) -> Iterator[dict[str, Any]]:
    """The lines, the damaged ones left out, each with ``replaced_by``: what a later line says of it."""
    lines: dict[str, dict[str, Any]] = {}
    for text in journal.splitlines():
        with suppress(ValueError, TypeError, KeyError, RecursionError):
            line = json.loads(text)
            lines[line["sha256"]] = line | {"replaced_by": None}
            if line["replaces"] in lines:
                lines[line["replaces"]]["replaced_by"] = line["sha256"]
    yield from lines.values()


def lines(issues: Iterable[Issue], found: Iterable[Issue], journal: str, folder: Path, now: datetime) -> str:
    """What to add: a line for each of ``issues``, and for each of ``found`` that has none."""
    there = known(journal)
    lost = [record(each, None, now) for each in found if fingerprint(each.certificate) not in there]
    where = here(folder)
    return "".join([*lost, *(record(each, where, now) for each in issues)])


def here(folder: Path) -> dict[str, str]:
    """Who issues, and where: user, host, commit of the spec's folder, and the pipeline's address where there is one."""
    commit = ""
    with suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    user = str(os.getuid())
    with suppress(OSError, KeyError):
        user = getpass.getuser()
    return {"user": user, "host": platform.node(), "commit": commit, "pipeline": _pipeline()}


def _pipeline() -> str:
    for form in _PIPELINES:
        with suppress(KeyError):
            return form.format_map(os.environ)
    return ""
