"""What every host of a site should have of trust: the spec and the authority, staged. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from anchorline.authority import Anchor, Staged
from anchorline.authority.certificates import fingerprint
from anchorline.fleet.scripts import state_folder
from anchorline.spec import Spec
from anchorline.spec.model import DeclaredAuthority
from anchorline.trust.stores.merged import DesiredStores


@dataclass(frozen=True)
class DesiredTrust:
    """What every host of the site should have: the anchors, and the names of the registry that they vouch for."""

    site: str
    anchors: tuple[Anchor, ...]
    own: frozenset[str]
    marker: tuple[str, ...]
    stores: tuple[str, ...]
    names: tuple[str, ...]
    hosts_line: str
    hosts: tuple[str, ...] = ()
    configure: bool = False

    @classmethod
    def of(cls, spec: Spec, staged: Staged) -> DesiredTrust:
        """What the spec and the authority, staged, ask of each host."""
        registry = spec.tls_registry
        own = frozenset(map(fingerprint, staged.own))
        made = isinstance(spec.authority, DeclaredAuthority)
        entry = registry.hosts_entry if registry else None
        dns = [str(each.host) for each in registry.endpoints if isinstance(each.host, str)] if registry else []
        return cls(
            site=spec.site,
            anchors=staged.anchors,
            own=own,
            marker=tuple(f"{'ca' if made and each.sha256 in own else 'also'} {each.sha256}" for each in staged.anchors),
            stores=spec.trust.stores,
            names=registry.store_names if registry else (),
            hosts_line=f"{entry} {' '.join(dict.fromkeys(dns))}" if entry and dns else "",
            hosts=tuple(dict.fromkeys(str(each.host) for each in registry.endpoints)) if registry else (),
            configure=spec.trust.containerd.configure,
        )

    @property
    def merged_stores(self) -> DesiredStores:
        """What the stores that aren't folders of ours should have."""
        own = [anchor.pem for anchor in self.anchors if anchor.sha256 in self.own]
        return DesiredStores(self.site, self.stores, self.anchors, own, self.names, self.hosts, self.configure)

    @property
    def marker_file(self) -> str:
        """Where a host remembers the site's anchors."""
        return f"{state_folder(self.site)}/anchors"
