"""The registry's life: what was pushed outlives its container, a bad replacement is undone, nothing is taken over."""

from __future__ import annotations

import subprocess

import pytest

from tests.fleet.conftest import Site, eventually, on_registry
from tests.fleet.said import status
from tests.fleet.sites import FOLDER, LOCAL
from tests.fleet.unchanged import fingerprint

pytestmark = pytest.mark.fleet


def push(site: Site) -> str:
    """Push an image of our own from a client; its reference."""
    name = "registry.example.com/kept:1"
    made = site.lab.exec(
        "debian", f"echo kept >/tmp/kept && tar -C /tmp -c kept | docker import - {name} && docker push {name}"
    )
    assert made.returncode == 0, made.stderr
    return name


def pulls(site: Site, name: str) -> bool:
    site.lab.exec("debian", f"docker image rm {name}")
    return site.lab.exec("debian", f"docker pull {name}").returncode == 0


def container(site: Site) -> str:
    return on_registry(site, "docker inspect --format '{{.Id}} {{.State.StartedAt}}' registry")


def broken_image(site: Site) -> str:
    """An image on the registry's host that starts and never serves."""
    on_registry(
        site,
        "docker create --name bad registry:2.8.3 && docker commit --change "
        '\'ENTRYPOINT ["/bin/sh", "-c", "echo it is broken >&2; exit 7"]\' bad broken:1 && docker rm -v bad',
    )
    return "broken:1"


class TestLife:
    def test_images_outlive_the_container(self, deployed: Site) -> None:
        name = push(deployed)
        on_registry(deployed, "docker rm -f registry")
        assert not pulls(deployed, name)
        deployed.deploy().ok()
        assert pulls(deployed, name)

    def test_a_stopped_container_is_started(self, deployed: Site) -> None:
        on_registry(deployed, "docker stop -t 1 registry")
        identity = container(deployed).split()[0]
        deployed.deploy().ok()
        assert container(deployed).split()[0] == identity

    def test_a_bad_replacement_is_undone(self, deployed: Site) -> None:
        name, before = push(deployed), container(deployed).split()[0]
        files = on_registry(deployed, f"cd {FOLDER} && sha256sum *")
        spec = (deployed.folder / "anchorline.yml").read_text()
        deployed.declare(registry={"image": broken_image(deployed)})
        deployed.deploy().failed("registry: ", "it is broken", "the container that was there before serves again")
        assert container(deployed).split()[0] == before
        assert on_registry(deployed, f"cd {FOLDER} && sha256sum *") == files
        assert pulls(deployed, name)
        assert on_registry(deployed, "docker ps -a --format '{{.Names}}'") == "registry"
        (deployed.folder / "anchorline.yml").write_text(spec)
        assert not deployed.deploy().ok().changed

    @pytest.mark.drill
    def test_a_bad_replacement_is_undone_with_nobody_there(self, deployed: Site) -> None:
        """The control process is killed while the new container is waited for."""
        name, before = push(deployed), container(deployed).split()[0]
        spec = (deployed.folder / "anchorline.yml").read_text()
        # serves nothing, and doesn't end either: the patience runs out
        on_registry(
            deployed,
            "docker create --name bad --entrypoint /bin/sh registry:2.8.3 && docker commit --change "
            '\'ENTRYPOINT ["/bin/sh", "-c", "while sleep 1; do :; done"]\' bad mute:1 && docker rm -v bad',
        )
        deployed.declare(registry={"image": "mute:1"})
        process = deployed.lab.popen(
            deployed.command("-y", "inventory", "deploy.py"),
            cwd=deployed.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            eventually(lambda: "registry-before" in on_registry(deployed, "docker ps -a --format '{{.Names}}'"), 60)
            eventually(
                lambda: "mute:1 registry" in on_registry(deployed, "docker ps --format '{{.Image}} {{.Names}}'"), 60
            )
        finally:
            process.kill()
            process.wait()
        eventually(lambda: on_registry(deployed, "docker ps -a --format '{{.Names}}'") == "registry", 90)
        eventually(lambda: pulls(deployed, name))
        assert container(deployed).split()[0] == before
        (deployed.folder / "anchorline.yml").write_text(spec)
        assert not deployed.deploy().ok().changed

    def test_a_replacement_that_was_cut_off_is_healed(self, deployed: Site) -> None:
        """What a power failure leaves: the old container set aside, the new one not yet healthy."""
        name = push(deployed)
        on_registry(deployed, "docker rename registry registry-before && docker stop -t 1 registry-before")
        on_registry(deployed, "docker create --name registry --label anchorline.site=production registry:2.8.3")
        deployed.deploy().ok()
        assert on_registry(deployed, "docker ps -a --format '{{.Names}}'") == "registry"
        assert pulls(deployed, name)

    def test_another_certificate_restarts_it(self, deployed: Site) -> None:
        identity = container(deployed).split()[0]
        for file in deployed.pki.glob("server*"):
            file.unlink()
        result = deployed.deploy().ok()
        assert result.operations["Registry | Run the registry"]["success"] == ["registry"]
        assert container(deployed).split()[0] == identity
        served = deployed.lab.run(
            ["openssl", "s_client", "-connect", "192.0.2.10:443"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        ).stdout
        body = (deployed.pki / "server.pem").read_text().split("-----")[2]
        assert body in served
        assert not deployed.deploy().ok().changed


VOLUMES = "docker volume ls -q"
# the root of a container that has the whole folder, as an older version gave it
TURN = "docker run --rm -v /var/lib/anchorline/registry:/there --entrypoint /bin/sh registry:2.8.3 -c '{}'"
BOUNDS = (
    "docker inspect --format '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} "
    '{{index .HostConfig.LogConfig.Config "max-size"}}\' registry'
)


class TestApart:
    """What the container has of its host."""

    def test_no_volume_is_left_behind(self, deployed: Site) -> None:
        """The image has one at /var/lib/registry, of which the container gets a folder below alone."""
        name = push(deployed)
        assert on_registry(deployed, VOLUMES) == ""
        spec = (deployed.folder / "anchorline.yml").read_text()
        deployed.declare(registry={"image": broken_image(deployed)})
        deployed.deploy().failed("the container that was there before serves again")
        assert on_registry(deployed, VOLUMES) == "", "after a replacement that was undone"
        (deployed.folder / "anchorline.yml").write_text(spec)
        on_registry(deployed, "docker tag registry:2.8.3 again:1")
        deployed.declare(registry={"image": "again:1"})
        deployed.deploy().ok()
        assert on_registry(deployed, VOLUMES) == "", "after one that was kept"
        (deployed.folder / "anchorline.yml").write_text(spec)
        deployed.deploy().ok()
        assert pulls(deployed, name)
        on_registry(deployed, "docker rm -f registry")
        assert on_registry(deployed, VOLUMES) == ""
        deployed.deploy().ok()

    def test_it_is_kept_from_its_host(self, deployed: Site) -> None:
        assert on_registry(deployed, BOUNDS) == "true [ALL] [no-new-privileges] 10m"
        inside = "touch /x; touch /etc/anchorline/x; ls -A /var/lib/registry; grep CapEff /proc/1/status"
        told = on_registry(deployed, f"docker exec registry /bin/sh -c '{inside}' 2>&1")
        assert told.count("Read-only file system") == 2
        assert told.splitlines()[-2:] == ["docker", "CapEff:\t0000000000000002"], "no mark, and CAP_DAC_OVERRIDE"
        assert on_registry(deployed, "stat -c '%U %a' /var/lib/anchorline/registry/.anchorline") == "root 644"

    def test_only_tls_1_2_and_above(self, deployed: Site) -> None:
        for version, spoken in (("-tls1_1", False), ("-tls1_2", True)):
            ask = ["openssl", "s_client", version, "-cipher", "ALL:@SECLEVEL=0", "-connect", "192.0.2.10:443"]
            done = deployed.lab.run(ask, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            assert (done.returncode == 0) == spoken, done.stderr

    def test_a_mark_that_the_container_has_turned(self, deployed: Site) -> None:
        """As an older version's container could: neither is the link's target told, nor is it written to."""
        before = on_registry(deployed, "sha256sum /etc/shadow")
        on_registry(deployed, TURN.format("cd /there && mv .anchorline was && ln -s /etc/shadow .anchorline"))
        told = said(deployed)
        assert "isn't root's own file" in told
        assert "root:" not in told
        deployed.deploy().failed("isn't root's own file in a folder of root's")
        assert on_registry(deployed, "sha256sum /etc/shadow") == before
        on_registry(deployed, TURN.format("cd /there && mv was .anchorline"))
        assert not deployed.deploy().ok().changed

    def test_its_disk_is_not_mounted(self, deployed: Site) -> None:
        data = "/var/lib/anchorline/registry"
        on_registry(deployed, f"mv {data} {data}.away && mkdir {data}")
        try:
            deployed.deploy().failed(f"the data folder {data} isn't the one that the registry was given")
        finally:
            on_registry(deployed, f"rmdir {data} && mv {data}.away {data}")
        assert not deployed.deploy().ok().changed

    def test_one_that_was_paused_goes_on(self, deployed: Site) -> None:
        before = container(deployed)
        on_registry(deployed, "docker pause registry")
        assert "the container is paused" in said(deployed)
        deployed.deploy().ok()
        assert container(deployed) == before
        assert not deployed.deploy().ok().changed


class TestOwnFiles:
    """Somebody edits or deletes what lies in our folder on the registry's host."""

    def test_they_are_named_and_put_back_without_a_restart(self, deployed: Site) -> None:
        name, before = push(deployed), container(deployed)
        lie = f"cd {FOLDER} && sha256sum config.yml *.pem && stat -c '%a %n' config.yml *.pem"
        files = on_registry(deployed, lie)
        on_registry(deployed, f"cd {FOLDER} && echo '# mine' >>config.yml && rm server-key.pem")
        status = said(deployed)
        assert "server-key.pem missing; config.yml changed on the host" in status
        assert "anchorline.registry.serve" in status, "and what to do"
        assert container(deployed) == before, "a probe changes nothing"
        assert deployed.deploy().ok().operations["Registry | Run the registry"]["success"] == ["registry"]
        assert container(deployed) == before, "neither another one, nor started anew"
        assert on_registry(deployed, lie) == files
        assert pulls(deployed, name)
        assert not deployed.deploy().ok().changed
        assert "server-key.pem" not in said(deployed)

    def test_what_the_container_may_have_read_costs_a_restart(self, deployed: Site) -> None:
        on_registry(deployed, f"echo '# mine' >>{FOLDER}/config.yml && docker restart registry")
        before = container(deployed)
        assert "config.yml changed on the host; it may have started with that" in said(deployed)
        deployed.deploy().ok()
        assert container(deployed).split()[0] == before.split()[0]
        assert container(deployed) != before
        assert not deployed.deploy().ok().changed

    def test_the_file_that_vouches_is_put_back_too(self, deployed: Site) -> None:
        """By which its health is told: it goes on, though nothing vouches for it."""
        before = container(deployed)
        on_registry(deployed, f"echo nonsense >{FOLDER}/ca.pem")
        assert "ca.pem changed on the host" in said(deployed)
        deployed.deploy().ok()
        assert container(deployed) == before
        assert not deployed.deploy().ok().changed


def said(site: Site) -> str:
    """What `anchorline status` says, on one line."""
    return " ".join(status(site).stdout.split())


@pytest.mark.hosts("registry", "debian")
class TestRefusals:
    def test_a_container_of_someone_else(self, site: Site) -> None:
        site.lab.exec("registry", "docker load", input=(site.folder / "images/registry.tar").read_bytes())
        on_registry(site, "docker run -d --name registry registry:2.8.3")
        before = container(site)
        site.deploy().failed("registry: a container named registry isn't anchorline's", "docker rename registry")
        assert container(site) == before
        assert not site.pki.exists()
        for host in ("registry", "debian"):
            assert not site.lab.exec(
                host, "find /usr/local/share /etc/docker /var/lib/anchorline -name '*anchorline*'"
            ).stdout

    def test_a_port_in_other_hands(self, site: Site) -> None:
        on_registry(site, "systemd-run --unit=squatter openssl s_server -accept 443 -nocert -quiet")
        eventually(lambda: on_registry(site, "ss -Hltn sport = :443"))
        site.deploy().failed("registry: port 443 is taken by", "listen")
        assert not site.pki.exists()

    @pytest.mark.drill
    def test_a_data_folder_in_other_hands(self, site: Site) -> None:
        on_registry(site, "mkdir -p /var/lib/anchorline/registry && touch /var/lib/anchorline/registry/mine")
        site.deploy().failed("the data folder /var/lib/anchorline/registry isn't anchorline's", "adopt it with")
        on_registry(site, "echo production >/var/lib/anchorline/registry/.anchorline")
        site.deploy().ok()
        on_registry(site, "test -f /var/lib/anchorline/registry/mine")

    def test_no_docker(self, site: Site) -> None:
        on_registry(site, "systemctl stop docker.socket docker")
        site.deploy().failed("registry: docker doesn't answer")
        assert not site.pki.exists()


@pytest.mark.hosts("registry", "debian", "arch-layout")
def test_local_mode(site: Site) -> None:
    site.declare(
        authority=None,
        certificates=None,
        registry=LOCAL,
    )
    site.deploy().ok()
    done = site.lab.exec(
        "registry",
        "tar -C / -c etc/hostname | docker import - localhost:5000/say && docker push localhost:5000/say && "
        "docker rmi localhost:5000/say && docker pull localhost:5000/say",
    )
    assert done.returncode == 0, done.stderr
    for host in ("debian", "arch-layout"):
        closed = site.lab.exec(host, "curl -sS --max-time 3 http://192.0.2.10:5000/v2/")
        assert closed.returncode == 7, closed.stderr
    before = fingerprint(site)
    assert not site.deploy().ok().changed
    assert fingerprint(site) == before
