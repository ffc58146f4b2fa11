"""Ways in which a fleet isn't as declared, each with its cause and its fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.fleet.certificates import other_ca
from tests.fleet.conftest import Site, eventually
from tests.fleet.sites import FOLDER
from tests.fleet.verbs import pki

NAME = "registry.example.com"
OTHER = (  # another certificate, of nobody's CA, for the same name
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=Intruder -days 9 "
    f"-addext subjectAltName=DNS:{NAME} -keyout {FOLDER}/server-key.pem -out {FOLDER}/server.pem 2>/dev/null && "
    "docker restart -t 1 registry"
)
LIE = '#!/bin/sh\n[ "$1" = +%s ] && exec /usr/bin/date -d "1 hour ago" +%s || exec /usr/bin/date "$@"\n'


class Break:
    """One way in which a fleet isn't as declared, and how it is fixed."""

    def __init__(
        self, host: str, cause: str, fix: str, code: int, do: Callable[[Site], object], undo: Callable[[Site], object]
    ) -> None:
        self.host, self.cause, self.fix, self.code, self.do, self.undo = host, cause, fix, code, do, undo

    @contextmanager
    def __call__(self, site: Site) -> Iterator[None]:
        self.do(site)
        try:
            yield
        finally:
            self.undo(site)


def on(host: str, command: str, **options: Any) -> Callable[[Site], object]:
    def run(site: Site) -> None:
        done = site.lab.exec(host, command, **options)
        assert done.returncode == 0, done.stderr

    return run


def deploy(site: Site) -> None:
    site.deploy().ok()


def hold(site: Site) -> None:
    assert pki(site, "rotate").returncode == 0
    site.lab.power_off("debian12")
    try:
        site.deploy("--data", "ssh_connect_retries=1").failed("rotation: blocked")
    finally:
        site.lab.power_on("debian12")


def stale(site: Site) -> None:
    """A program in Go that runs through a change of the system's roots."""
    on("fedora-layout", "systemd-run --quiet --unit=watcher ctr events")(site)
    eventually(lambda: "ctr" in site.lab.exec("fedora-layout", "cat /proc/[0-9]*/comm").stdout.split())
    if not (site.folder / "second.pem").exists():
        other_ca(site, "second")
    site.declare(trust={"also": ["second.pem"]})
    site.deploy(step="anchorline.trust.rollout").ok()


def stranger(site: Site) -> None:
    """An anchor of the site that pki/ knows nothing of, as another checkout's deploy would have left it."""
    digest = "ab" * 32
    on("debian", f"echo ca {digest} >>/var/lib/anchorline/sites/production/anchors")(site)


BREAKS = {
    "a certificate is due": Break(
        "registry",
        "the certificate that it serves is due: less than 8759h is left",
        "pyinfra inventory deploy.py",
        1,
        lambda site: site.declare(renewal={"before": "8759h"}),
        lambda site: site.declare(renewal={"before": "33%"}),
    ),
    "a host is down": Break(
        "debian12",
        "Could not connect",
        "see that it is up and takes this login",
        2,
        lambda site: site.lab.power_off("debian12"),
        lambda site: site.lab.power_on("debian12"),
    ),
    "another pki/": Break(
        "debian",
        "it knows the CA abababababab as the site's",
        "bring back the pki/ that made it",
        1,
        stranger,
        on("debian", "sed -i /abababababab/d /var/lib/anchorline/sites/production/anchors"),
    ),
    "an old process": Break(
        "fedora-layout",
        "watcher.service holds the old roots",
        "systemctl restart watcher",
        0,
        stale,
        on("fedora-layout", "systemctl stop watcher; systemctl reset-failed watcher || true"),
    ),
    "another certificate is served": Break(
        "debian",
        "was issued by Intruder, not by the site's CA",
        "pyinfra -y inventory anchorline.registry.serve",
        1,
        on("registry", OTHER),
        deploy,
    ),
    "a clock is off": Break(
        "arch-layout",
        "its clock is 1 h 0 min behind",
        "timedatectl set-ntp true",
        0,
        on("arch-layout", "cat >/usr/local/bin/date; chmod +x /usr/local/bin/date", input=LIE),
        on("arch-layout", "rm /usr/local/bin/date"),
    ),
    "a disk is full": Break(
        "registry",
        "the disk of /var/lib/anchorline/registry has 32 MiB left",
        "make room",
        1,
        on("registry", "mount -t tmpfs -o size=32m none /var/lib/anchorline/registry/docker"),
        on("registry", "umount /var/lib/anchorline/registry/docker"),
    ),
    "a rotation is blocked": Break(
        "debian12",
        "rotation: blocked, 4 of 5 hosts have been seen to trust",
        "pyinfra inventory deploy.py",
        1,
        hold,
        deploy,
    ),
}
