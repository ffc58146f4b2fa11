"""Programs of others that tests ask: what isn't there leaves a test out, but fails it where everything is demanded."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import pytest

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def lacking(what: str) -> NoReturn:
    """Leave the test out with the reason, or fail it under ``DEMAND_LAB``, as CI sets it."""
    if os.environ.get("DEMAND_LAB"):
        pytest.fail(what)
    pytest.skip(what)


def program(name: str, package: str) -> str:
    """The path of a program that a Debian package of tests/packages.txt brings."""
    return shutil.which(name) or lacking(f"{name} isn't here: apt-get install {package}")


def junit_schema() -> Path:
    """The JUnit schema of Jenkins's xUnit plugin, as pytest's own tests bring it: taken out of the source distribution
    of the pytest that runs, once for a virtual environment."""
    folder = Path(sys.prefix) / "share" / "anchorline-tests"
    schema = folder / "junit-10.xsd"
    folder.mkdir(parents=True, exist_ok=True)
    # one process fetches it, the others wait
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not schema.exists():
            _fetch(schema)
    return schema


def _fetch(schema: Path) -> None:
    wanted = f"pytest=={version('pytest')}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", "pytest", "--dest", str(schema.parent), wanted]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    archives = [*schema.parent.glob("pytest-*.tar.gz")]
    if done.returncode or not archives:
        lacking(f"the JUnit schema isn't here, and {wanted}, which has it, can't be fetched: {done.stderr[-500:]}")
    with tarfile.open(archives[0]) as archive:
        member = next((each for each in archive if each.name.endswith("/junit-10.xsd")), None)
        content = archive.extractfile(member) if member else None
        if content is None:
            lacking(f"{wanted} doesn't have junit-10.xsd any more")
        new = schema.with_suffix(".new")
        new.write_bytes(content.read())
    archives[0].unlink()
    new.replace(schema)


def validated(schema: Path, *documents: Path) -> str:
    """What xmllint has against the documents, by Jenkins's schema; nothing where they are valid."""
    command = [program("xmllint", "libxml2-utils"), "--noout", "--schema", str(schema), *map(str, documents)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def objections(text: str) -> str:
    """What promtool has against it: its parser, and its linter. Nothing where it is right."""
    command = [program("promtool", "prometheus"), "check", "metrics"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode()
    assert bool(done.returncode) == bool(said)
    return said
