"""Debian's layout with shorter paths, so that a test can name them."""

from __future__ import annotations

from dataclasses import replace

from anchorline.fleet.scripts import File
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.stores.families import FAMILIES
from tests.operations.folder import Plays, System

ROW = replace(
    FAMILIES[0],
    folder="/anchors",
    update="/update",
    repair="/update",
    bundle="/bundle.pem",
    sources=("/anchors", "/vendor"),
    hashed="/links",
)
# as Debian's: the bundle is made of the folder's *.crt
UPDATE = 'cat "$ROOT"/anchors/*.crt >"$ROOT/bundle.pem"'


def short_paths(plays: Plays, shell: list[str]) -> System:
    """A host of that layout, on which nothing of ours is."""
    machine = plays(ROW, shell)
    (machine.root / "vendor").mkdir()
    machine.release('NAME="A test"\nID=testing\nID_LIKE="debian something"\n')
    machine.hosts.write_text("127.0.0.1 localhost")  # no newline at its end
    machine.updates(UPDATE)
    machine.tool("openssl")  # this machine's own doesn't know of the folder's bundle
    return machine


def anchors(machine: System, wanted: DesiredTrust) -> list[File]:
    """The site's anchors as files of that host."""
    return [File(machine.moved.path(anchor.name), anchor.pem) for anchor in wanted.anchors]
