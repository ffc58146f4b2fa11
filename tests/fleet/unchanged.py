"""What a deploy that has nothing to do must leave as it is."""

from __future__ import annotations

from pathlib import Path

from tests.fleet.conftest import HOSTS, Site, on_registry


def fingerprint(site: Site) -> dict[str, object]:
    """What a deploy that has nothing to do must leave as it is."""
    bundles = {
        host: site.lab.exec(
            host,
            "stat -c '%n %i %Y' $(readlink -f /etc/ssl/certs/ca-certificates.crt); "
            "find /etc/docker /etc/containers/certs.d /etc/containerd /var/lib/anchorline/sites -newermt '2000-01-01' "
            "-printf '%p %i %T@\\n' 2>/dev/null | sort; cat /etc/hosts",
        ).stdout
        for host in HOSTS
    }
    container = on_registry(site, "docker inspect --format '{{.Id}} {{.State.StartedAt}}' registry")
    return {"container": container, **bundles, **times(site.folder / "pki")}


def times(folder: Path) -> dict[str, object]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in sorted(folder.rglob("*"))}
