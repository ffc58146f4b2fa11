"""Sites that exist come along: deployed by the old version, then the package alone is upgraded."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import Lab
from tests.fleet.conftest import CHECKOUT, HOSTS, Result, Shared, Site, on_registry
from tests.fleet.sites import LOCAL
from tests.old_version import InitSite, Version, unpack

pytestmark = pytest.mark.fleet

BEARING_OUR_NAME = (
    "find /etc /usr/local/share /var/lib/anchorline /run/anchorline -path '*/docker/registry' -prune -o "
    "-path '*anchorline*' -print 2>/dev/null | sort"
)
GONE = (
    "! nft list table inet anchorline && ! docker container inspect registry-before && "
    "! ls -d /var/lib/anchorline/sites/production/registry.before"
)
"""What the old version may have left on the registry's host, and the new one has taken away. Add what it forgets."""
SECRET = r"""sed -n 's/^ *secret: *//p' | tr -d '"'"\'" """
"""Without the quotes, which YAML has of two kinds."""
MANIFEST = "curl -sS --fail -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' {}/v2/kept/manifests/1"


@dataclass
class Live:
    """A site that the old version made and deployed, with an image that somebody pushed."""

    site: Site
    old: Version
    new: Version
    local: bool = False

    @property
    def client(self) -> str:
        """The host that pushes and pulls; in local mode there is but one."""
        return "registry" if self.local else "debian"

    @property
    def address(self) -> str:
        return "localhost:5000" if self.local else "registry.example.com"

    def push(self) -> None:
        name = f"{self.address}/kept:1"
        self.on_client(f"echo kept >/tmp/kept && tar -C /tmp -c kept | docker import - {name} && docker push {name}")

    def on_client(self, command: str) -> str:
        done = self.site.lab.exec(self.client, command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def holdings(self) -> dict[str, object]:
        """What must outlive an upgrade: keys and certificates, the registry's secret, and each image by its digest."""
        url = f"{'http' if self.local else 'https'}://{self.address}"
        digest = "sha256:" + self.on_client(f"{MANIFEST.format(url)} | sha256sum").split()[0]
        name = f"{self.address}/kept"
        self.on_client(f"docker image rm -f {name}:1 {name}@{digest}; docker pull -q {name}@{digest}")
        mounted = "docker inspect --format '{{range .Mounts}}{{println .Source}}{{end}}' registry"
        secret = on_registry(
            self.site, f"for each in $({mounted}); do cat $each/config.yml; done 2>/dev/null | {SECRET}"
        )
        assert len(secret) >= 32
        keys = {each.name: each.read_bytes() for each in self.site.pki.glob("*.pem")}
        assert self.local or {"ca.pem", "ca-key.pem", "server.pem", "server-key.pem"} <= keys.keys()
        return {"digest": digest, "catalog": self.on_client(f"curl -sS {url}/v2/_catalog"), "secret": secret, **keys}

    def files(self) -> dict[str, list[str]]:
        return {host: self.site.lab.exec(host, BEARING_OUR_NAME).stdout.splitlines() for host in self.site.hosts}

    def upgrade(self) -> Result:
        """The first deploy of the new package: as it is, or after the one command that its refusal names."""
        before = self.files()
        done = self.new.deploy(self.site)
        if done.code != 0:
            commands = {*re.findall(r"`([^`]+)`", " ".join(done.failed().err.split()))}
            assert len(commands) == 1, f"one command is to be named, not {commands}\n{done}"
            assert self.files() == before, "a refusal changes nothing"
            [command] = commands
            ran = self.new.run(self.site.folder, ["sh", "-c", command])
            assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
            done = self.new.deploy(self.site)
        for host, files in self.files().items():
            lines = [f"- {each}" for each in before[host] if each not in files]
            lines += [f"+ {each}" for each in files if each not in before[host]]
            sys.stdout.write("".join(f"{host}: {line}\n" for line in lines))
        return done.ok()

    def comes_along(self, held: dict[str, object]) -> None:
        """One deploy migrates all, the next has nothing to do, and nothing is lost or left over."""
        self.upgrade()
        assert not self.new.deploy(self.site).ok().changed
        assert self.holdings() == held
        stands = self.new.anchorline(self.site.folder, "status")
        assert stands.returncode == 0, stands.stdout + stands.stderr
        assert on_registry(self.site, "docker ps -a --format '{{.Names}} {{.State}}'") == "registry running"
        on_registry(self.site, GONE)


Make = Callable[..., Live]


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path, lab: Lab) -> Make:
    """A live site of the old version, on new hosts."""

    def make(**registry: object) -> Live:
        Shared.site = None
        chosen = request.node.get_closest_marker("hosts")
        hosts = chosen.args if chosen else HOSTS
        lab.renew(hosts)
        scratch = [tmp_path / name for name in ("old", "new", "tree")]
        for each in scratch:
            each.mkdir()
        old, new = Version(unpack(scratch[2]), lab, scratch[0]), Version(CHECKOUT, lab, scratch[1])
        site = InitSite(tmp_path / "site", old, hosts)
        if registry:
            site.declare(authority=None, certificates=None, registry=registry)
        live = Live(site, old, new, local=bool(registry))
        old.deploy(site).ok()
        live.push()
        return live

    return make


def test_another_package_is_noticed(lab: Lab, tmp_path: Path) -> None:
    """The control of all the others: that what ran is the version that should have."""
    version = Version(CHECKOUT, lab, tmp_path)
    assert version.anchorline(tmp_path, "--version").returncode == 0
    version.tree = tmp_path
    with pytest.raises(AssertionError, match="another package"):
        version.anchorline(tmp_path, "--version")


@pytest.mark.hosts("registry", "debian")
def test_the_package_alone_is_upgraded(make: Make) -> None:
    live = make()
    live.comes_along(live.holdings())


@pytest.mark.drill
def test_the_whole_fleet(make: Make) -> None:
    live = make()
    live.comes_along(live.holdings())


@pytest.mark.drill
@pytest.mark.hosts("registry", "debian", "arch-layout")
def test_local_mode(make: Make) -> None:
    live = make(**LOCAL)
    live.comes_along(live.holdings())


# as the old script's `hold` leaves it when it is killed, but for longer
HELD = """nft -f - <<END
table inet anchorline {
    set held { type inet_service; flags timeout; }
    chain arriving {
        type filter hook prerouting priority -350;
        fib daddr type local tcp flags & (syn | ack) == syn tcp dport @held drop
    }
    chain leaving {
        type filter hook output priority -350;
        fib daddr type local tcp flags & (syn | ack) == syn tcp dport @held drop
    }
}
add element inet anchorline held { 443 timeout 3600s }
END"""


@pytest.mark.drill
@pytest.mark.hosts("registry", "debian")
def test_a_table_that_holds_the_port(make: Make) -> None:
    live = make()
    held = live.holdings()
    on_registry(live.site, HELD)
    waits = live.site.lab.exec("debian", "curl -sS --max-time 3 https://registry.example.com/v2/")
    assert waits.returncode == 28, "the control: new connections wait"
    live.comes_along(held)


# the script has the site's folder open as 9, and so have the programs that it started
KILL = """
for each in /proc/[0-9]*/fd/9; do
    [ "$(readlink "$each")" != /var/lib/anchorline/sites/production ] || { each=${each%/fd/9}; kill -9 "${each##*/}"; }
done
"""
MUTE = (  # serves nothing, and doesn't end either
    "docker create --name bad --entrypoint /bin/sh registry:2.8.3 && docker commit --change "
    '\'ENTRYPOINT ["/bin/sh", "-c", "while sleep 1; do :; done"]\' bad mute:1 && docker rm bad'
)
POINTS = {
    "the old container is set aside": "docker container inspect registry-before",
    "the new one is waited for": "docker ps --format '{{.Image}} {{.Names}}' | grep -qx 'mute:1 registry'",
}


@pytest.mark.drill
@pytest.mark.hosts("registry", "debian")
@pytest.mark.parametrize("point", POINTS)
def test_a_replacement_that_the_old_version_left_half_done(make: Make, point: str) -> None:
    """Its script is killed on the host, and leaves two containers, two folders, and a table that holds the port."""
    live = make()
    held = live.holdings()
    spec = (live.site.folder / "anchorline.yml").read_text()
    on_registry(live.site, MUTE)
    live.site.declare(registry={"image": "mute:1"})
    process = live.site.lab.popen(
        [sys.executable, "-m", "pyinfra", "-y", "inventory", "deploy.py"],
        cwd=live.site.folder,
        env=live.old.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        on_registry(live.site, f"until {POINTS[point]} >/dev/null 2>&1; do sleep 0.02; done\n{KILL}")
        assert process.wait(timeout=60) == 1
    finally:
        process.kill()
        process.wait()
    names = on_registry(live.site, "docker ps -a --format '{{.Names}}'").split()
    assert "registry-before" in names, "the control: it is half done"
    on_registry(
        live.site, "test -d /var/lib/anchorline/sites/production/registry.before && nft list table inet anchorline"
    )
    (live.site.folder / "anchorline.yml").write_text(spec)
    live.comes_along(held)
