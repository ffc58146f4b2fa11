"""A site's exported script, and what it says on a host."""

from __future__ import annotations

import subprocess
from pathlib import Path

from anchorline.authority import stage
from anchorline.spec import load
from anchorline.trust import export
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.stores.families import FAMILIES, Family
from tests.operations.folder import Plays, System

SPEC = """
version: 1
site: {site}
authority: {{CN: {site} CA}}
signing: {{default: {{expiry: 8760h, usages: [signing, server auth]}}}}
certificates: {{server: {{CN: {site}.example.com, hosts: [{site}.example.com]}}}}
registry: {{address: {site}.example.com, hosts_entry: 192.0.2.10, certificate: server}}
trust: {{also: [other.pem]}}
"""
DEBIAN = FAMILIES[0]


def made(folder: Path, site: str, text: str = SPEC) -> DesiredTrust:
    """What hosts of a new site should have: its CA, and another."""
    other = folder / "other.yml"
    other.write_text("version: 1\nsite: other\nauthority: {CN: Another CA}\n")
    (folder / "other.pem").write_text(stage(load(other)).anchors[0].pem)
    file = folder / f"{site}.yml"
    file.write_text(text.format(site=site))
    stage(load(file)).commit()
    return export.wanted_of(load(file))


def ran(here: System, wanted: DesiredTrust, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run the site's script, as a user does: from a file."""
    file = here.root.parent / "trust.sh"
    file.write_text(text or export.as_script(wanted))
    return here.command(*here.shell, file)


def done(here: System, wanted: DesiredTrust) -> str:
    """It ended well; what it said at last."""
    process = ran(here, wanted)
    assert (process.returncode, process.stderr) == (0, "")
    assert here.left() == []
    return process.stdout.splitlines()[-1]


def failed(here: System, wanted: DesiredTrust) -> str:
    """It ended with 1; the one line that it said."""
    process = ran(here, wanted)
    assert (process.returncode, process.stderr.count("\n")) == (1, 1), process.stderr
    assert here.left() == []
    return process.stderr


def host(plays: Plays, family: Family, shell: list[str]) -> System:
    """A host of a family, whose root is whoever runs this."""
    here = plays(family, shell)
    here.tool("id", "echo 0")
    here.tool("logger")
    return here
