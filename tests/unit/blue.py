"""A site named blue, and a host of it before and after its rollout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from anchorline.spec import Spec, load
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust
from anchorline.trust.plan import TrustPlan
from anchorline.trust.stores.families import FAMILIES
from anchorline.trust.stores.runtimes import RUNTIMES

SPEC = """
version: 1
site: blue
authority: {CN: Blue CA}
signing: {default: {expiry: 8760h, usages: [signing, server auth]}}
certificates:
  server: {CN: registry.example.com, hosts: [registry.example.com, 192.0.2.10]}
registry:
  address: registry.example.com
  aliases: [192.0.2.10]
  hosts_entry: 192.0.2.10
  certificate: server
"""
DEBIAN = next(family for family in FAMILIES if family.name == "debian")
FOLDERS = tuple((name, RUNTIMES[name].folder) for name in ("docker", "containerd"))
FEDORA = next(family for family in FAMILIES if family.name == "fedora")


def spec_of(folder: Path, text: str) -> Spec:
    file = folder / "anchorline.yml"
    file.write_text(text)
    return load(file)


def after(has: ObservedTrust, wanted: DesiredTrust, change: TrustPlan) -> ObservedTrust:
    """What the host has when the change was made."""
    return replace(
        has,
        bundled=has.bundled | {anchor.name for anchor in wanted.anchors},
        files={**has.files, **{file.path: file.sha256 for file in change.files if file.path != wanted.marker_file}},
        marker=tuple(
            line for file in change.files if file.path == wanted.marker_file for line in file.content.split("\n")[:-1]
        )
        or has.marker,
        hosts_line=f"{change.hosts_line} # anchorline {wanted.site}" if change.hosts_line else has.hosts_line,
    )
