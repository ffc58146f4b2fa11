"""The same commands before and after: what they say, how they end and what hosts hold is as it was."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lab import Lab
from tests.fleet.certificates import digest
from tests.fleet.conftest import CHECKOUT, HOSTS, Shared, Site
from tests.fleet.said import FORMS
from tests.old_version import InitSite, Version, unpack
from tests.recorded import Lines, Masks, differences, of_folder, of_hosts, stamp

pytestmark = pytest.mark.fleet

BEFORE = "89c06052785f4f638638c771c2b6c7901c97c62d"
"""The commit that this one is held against. It moves on when something is meant to differ that no row can tell: the
last time with "A host, a user on it or a file there that lies, is broken or huge harms nobody else", which changed
what most steps say, hold and do."""
RENAMED: Mapping[str, str] = {}
"""What the version of before says, a pattern, and how it is called today."""

SITE = r"[^:]+: registry: [-+] (f 600 root:root )?var/lib/anchorline/sites/production/"
ALLOWED: Mapping[str, str] = {
    SITE
    + r"registry/data: ": "another folder in its place, such as the mount point of a disk that isn't mounted, is told",
    SITE + r"registry/files: ": "The registry's own files on its host are observed",
}
"""What may differ: a pattern that a difference begins with, and why, in words of the changelog. A difference is
``STEP: what: - LINE`` for a line that was, and ``+ LINE`` for one that is. One that nothing needs any more fails."""

DEPLOY = ("pyinfra", "-y", "inventory", "deploy.py")
PLAN = ("pyinfra", "--dry", "inventory", "deploy.py")
STEPS: Mapping[str, tuple[str, ...]] = {
    "check": ("anchorline", "check"),
    "plan": PLAN,
    "deploy": DEPLOY,
    "deploy again": DEPLOY,
    "plan of nothing": PLAN,
    **{f"status as {form}": ("anchorline", "status", "--format", form) for form in FORMS},
    "doctor": ("pyinfra", "-y", "inventory", "anchorline.verify.doctor"),
    "show": ("anchorline", "pki", "show"),
    "rotate": ("anchorline", "pki", "rotate"),
    "plan of the rotation": PLAN,
    "promote": DEPLOY,
    "promoted": DEPLOY,
    "withdraw": ("pyinfra", "-y", "--data", "ca={previous}", "inventory", "anchorline.trust.withdraw"),
    "withdrawn": DEPLOY,
    "status at the end": ("anchorline", "status"),
}


def authority(site: Site, version: Version) -> Path:
    """A site's pki/, for both runs. Half of all CAs come after its CA when they are sorted by digest."""
    while not site.pki.exists() or digest(site.pki / "ca.pem") >= "8":
        shutil.rmtree(site.pki, ignore_errors=True)
        issued = version.anchorline(site.folder, "pki", "issue")
        assert issued.returncode == 0, issued.stderr
    return site.pki


def run(version: Version, site: Site, step: str, since: Path) -> subprocess.CompletedProcess[str]:
    """A step. Hosts sort CAs by digest, so a rotation is done again until the next CA comes after the present one."""
    previous = site.pki / "previous/ca.pem"
    program, *words = (each.format(previous=previous.exists() and digest(previous)) for each in STEPS[step])
    ca, kept = digest(site.pki / "ca.pem"), site.folder.with_name(f"before {step}")
    shutil.copytree(site.pki, kept)
    while True:
        since.touch()
        if program == "pyinfra":
            return version.pyinfra(site.folder, *words)
        done = version.anchorline(site.folder, *words)
        following = site.pki / "next/ca.pem"
        if not following.exists() or digest(following) > ca:
            return done
        shutil.rmtree(site.pki)
        shutil.copytree(kept, site.pki)


def record(version: Version, folder: Path, pki: Path, masks: Masks) -> dict[str, Lines]:
    """All steps on new hosts, with this authority: what each said, how it ended, and what it left."""
    version.lab.renew(HOSTS)
    stamp(version.lab, HOSTS)
    site, since = InitSite(folder / "site", version, HOSTS), folder / "since"
    records: dict[str, Lines] = {"init: folder": of_folder(site, folder / "sitecustomize.py", masks)}
    shutil.copytree(pki, site.pki)
    masks.learn(site.pki)
    for place, word in ((site.folder, "<site>"), (version.tree, "<checkout>"), (CHECKOUT, "<checkout>")):
        masks.word(str(place), word)
    for step in STEPS:
        done = run(version, site, step, since)
        masks.learn(site.pki)
        said = {name: masks.text(text).splitlines() for name, text in (("out", done.stdout), ("err", done.stderr))}
        if STEPS[step][0] == "pyinfra":  # its lines come as hosts answer
            said = {name: sorted(filter(None, lines)) for name, lines in said.items()}
        left = {"folder": of_folder(site, since, masks), **of_hosts(site, masks)}
        all_of_it = {"exit code": [str(done.returncode)], **said, **left}
        records |= {f"{step}: {name}": lines for name, lines in all_of_it.items()}
    return records


@pytest.mark.drill
@pytest.mark.timeout(1200)
def test_nothing_else_differs(lab: Lab, tmp_path: Path) -> None:
    Shared.site = None
    folders = {name: tmp_path / name for name in ("tree", "old", "new", "authority")}
    for each in folders.values():
        each.mkdir()
    old, new = Version(unpack(folders["tree"], BEFORE), lab, folders["old"]), Version(CHECKOUT, lab, folders["new"])
    pki = authority(InitSite(folders["authority"] / "site", old, HOSTS), old)
    records = [record(old, folders["old"], pki, Masks(RENAMED)), record(new, folders["new"], pki, Masks({}))]
    failed = [name for name, lines in records[0].items() if name.endswith(": exit code") and lines != ["0"]]
    assert not failed, "or there is little to compare"
    found = differences(*records)
    left = [each for each in found if not any(re.match(pattern, each) for pattern in ALLOWED)]
    assert not left, "\n".join(first_of_each(left))
    unused = [each for each in ALLOWED if not any(re.match(each, one) for one in found)]
    assert not unused, f"rows of ALLOWED that nothing needs: {unused}"
    changes = " ".join((CHECKOUT / "CHANGELOG.md").read_text().split())
    assert not [reason for reason in ALLOWED.values() if reason not in changes]


def first_of_each(found: Sequence[str]) -> Sequence[str]:
    """What a step has left behind stays there in the next steps, and is told once."""
    told: dict[str, str] = {}
    for each in found:
        told.setdefault(each.partition(": ")[2], each)
    return [*told.values()]
