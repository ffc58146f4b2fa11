"""The lab is what it says: real hosts, each with one runtime, in a network with no way out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import HOSTS, Host, Lab, LabError
from lab.fleet import STATE
from lab.machine import start_time
from lab.requirements import COMMANDS, FILES
from tests.fleet.verbs import cli

pytestmark = pytest.mark.fleet

CHECKOUT = Path(__file__).resolve().parents[2]
LAYOUTS = {
    "arch-layout": "/etc/ca-certificates/trust-source/anchors",
    "fedora-layout": "/etc/pki/ca-trust/source/anchors",
}
# The commands of each runtime; a host has its own and no other's. containerd is a part of Docker.
COMMANDS_OF = {
    "docker": {"docker", "dockerd", "containerd", "ctr", "runc"},
    "podman": {"podman", "crun"},
    "containerd": {"containerd", "ctr", "runc"},
    "none": set(),
}
IMAGE = "registry:2.8.3"
LOAD_AND_RUN = {
    "docker": (
        "docker load",
        f"docker run -d --name lab-test -p 127.0.0.1:5055:5000 {IMAGE}",
        "docker rm -fv lab-test",
    ),
    "podman": (
        "podman load",
        f"podman run -d --name lab-test -p 127.0.0.1:5055:5000 {IMAGE}",
        "podman rm -fv lab-test",
    ),
    "containerd": (
        "ctr -n default images import -",
        # Without the cpu controller in cgroup v2 (a machine of cgroup v1) there is no share to set.
        "ctr -n default run -d --net-host --cpu-shares 0 --env REGISTRY_HTTP_ADDR=127.0.0.1:5055"
        f" docker.io/library/{IMAGE} lab-test",
        "ctr -n default task rm -f lab-test; ctr -n default container rm lab-test",
    ),
}


def succeed(lab: Lab, host: str, command: str, data: str | bytes = b"") -> str:
    done = lab.exec(host, command, input=data)
    assert done.returncode == 0, f"{host}: {command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
class TestEveryHost:
    def test_answers_to_all_its_users(self, lab: Lab, host: Host) -> None:
        name = host.name
        assert succeed(lab, name, "hostname; systemctl is-system-running").split() == [name, "running"]
        assert lab.exec(name, "sudo -n id -u", user="ops").stdout == "0\n"
        assert lab.exec(name, "sudo -n id -u", user="oncall").returncode == 1
        assert lab.exec(name, "sudo -S id -u", input="oncall\n", user="oncall").stdout == "0\n"

    def test_has_its_runtime_and_no_other(self, lab: Lab, host: Host) -> None:
        name, runtime = host.name, host.runtime.name
        every = set().union(*COMMANDS_OF.values())
        found = succeed(lab, name, f"for name in {' '.join(every)}; do command -v $name; done; true").split()
        assert {path.rpartition("/")[2] for path in found} == COMMANDS_OF[runtime]

    def test_has_the_tools_and_a_journal_and_rarely_python(self, lab: Lab, host: Host) -> None:
        name = host.name
        succeed(lab, name, "command -v curl openssl nft")
        python = "python3" in (*host.languages, *host.image.packages)
        assert (lab.exec(name, "command -v python3").returncode == 0) == python
        succeed(
            lab, name, "logger -t lab-test 'heard you' && journalctl --sync && journalctl -qt lab-test | grep heard"
        )


@pytest.mark.parametrize(
    "host", [host for host in HOSTS if host.runtime.name in LOAD_AND_RUN], ids=lambda host: host.name
)
def test_runs_the_registry(lab: Lab, host: Host) -> None:
    load, run, remove = LOAD_AND_RUN[host.runtime.name]
    succeed(lab, host.name, load, (CHECKOUT / "images/registry.tar").read_bytes())
    succeed(lab, host.name, run)
    try:
        fetch = "curl -s --retry 20 --retry-delay 1 --retry-all-errors http://127.0.0.1:5055/v2/ -w '%{http_code}'"
        assert succeed(lab, host.name, fetch) == "{}200"
    finally:
        succeed(lab, host.name, remove)


class TestNetwork:
    def test_has_no_way_out(self, lab: Lab) -> None:
        for routes in (
            lab.run(["ip", "-json", "route"], capture_output=True).stdout,
            *(succeed(lab, host.name, "ip -json route show dev host0") for host in HOSTS),
        ):
            assert [route["dst"] for route in json.loads(routes)] == ["192.0.2.0/24"]
        links = json.loads(lab.run(["ip", "-json", "link"], capture_output=True).stdout)
        assert len(links) == 2 + len(HOSTS), "lo, the bridge, and one link for each host"
        # The kernel knows no route, so it refuses without sending anything.
        refused = lab.run(["ip", "route", "get", "198.51.100.1"], capture_output=True, text=True)
        assert "unreachable" in refused.stderr

    @pytest.mark.usefixtures("lab")
    def test_run_is_the_command_itself(self) -> None:
        done = cli("run", "--", "sh", "-c", 'cat; pwd; echo "$WORD" >&2; exit 7', WORD="word")
        assert (done.returncode, done.stdout, done.stderr) == (7, f"typed\n{CHECKOUT}\n", "word\n")
        assert cli("run", "--", "sh", "-c", "kill -TERM $$").returncode == -15


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A CA and a server certificate for `service.lab.test`, by openssl."""
    folder = tmp_path_factory.mktemp("authority")
    new = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    leaf = (
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=leaf -keyout leaf.key -out leaf.csr"
    )
    script = f"""
        set -e
        {new} -subj '/CN=Lab test CA' -keyout ca.key -out ca.pem
        {leaf} -addext subjectAltName=DNS:service.lab.test
        openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 2 -copy_extensions copy -out leaf.pem
    """
    subprocess.run(["sh", "-c", script], cwd=folder, check=True, capture_output=True)
    return {file.name: file.read_text() for file in folder.iterdir()}


@pytest.fixture
def service(lab: Lab, authority: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """A TLS server on the controller; what curl needs to reach it by name."""
    (tmp_path / "both.pem").write_text(authority["leaf.pem"] + authority["leaf.key"])
    server = lab.popen(
        ["openssl", "s_server", "-accept", "192.0.2.1:8443", "-cert", tmp_path / "both.pem", "-www", "-quiet"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield "--resolve service.lab.test:8443:192.0.2.1 https://service.lab.test:8443/"
    server.kill()
    server.wait()


@pytest.mark.parametrize(("host", "anchors"), LAYOUTS.items(), ids=LAYOUTS)
class TestTrustStore:
    def test_follows_the_anchor_folder(
        self, lab: Lab, authority: dict[str, str], service: str, host: str, anchors: str
    ) -> None:
        def verdicts() -> tuple[bool, bool, int]:
            openssl = lab.exec(host, "openssl verify", input=authority["leaf.pem"]).returncode == 0
            curl = lab.exec(host, f"curl -sS -o /dev/null --retry 3 --retry-connrefused {service}").returncode
            listed = lab.exec(host, "trust list --filter=ca-anchors | grep -c 'Lab test CA'").stdout
            return openssl, curl == 0, int(listed)

        assert verdicts() == (False, False, 0)
        succeed(lab, host, f"cat >{anchors}/lab-test.pem && update-ca-trust", authority["ca.pem"])
        assert verdicts() == (True, True, 1)
        succeed(lab, host, f"rm {anchors}/lab-test.pem && update-ca-trust")
        assert verdicts() == (False, False, 0)

    def test_has_the_public_roots_and_nothing_of_debian(self, lab: Lab, host: str, anchors: str) -> None:
        assert int(succeed(lab, host, "grep -c BEGIN /etc/ssl/certs/ca-certificates.crt")) > 100
        succeed(lab, host, "test ! -e /usr/local/share/ca-certificates && ! command -v update-ca-certificates")
        assert succeed(lab, host, "find -L /etc/ssl/certs -type l") == "", "a link that leads nowhere"
        succeed(lab, host, f". /etc/os-release && test $ID = {host.removesuffix('-layout')} && test -d {anchors}")


class TestLife:
    def test_up_again_leaves_running_hosts_alone(self, lab: Lab) -> None:
        before = [(machine.folder / "pid").read_text() for machine in lab.machines.values()]
        assert cli("up").returncode == 0
        assert [(machine.folder / "pid").read_text() for machine in lab.machines.values()] == before
        assert all(machine.running() for machine in lab.machines.values())

    def test_a_host_keeps_its_disk_over_a_power_cycle(self, lab: Lab) -> None:
        succeed(lab, "debian", "echo kept >/root/lab-test && sync")
        lab.power_off("debian")
        assert lab.state("debian") == "off"
        assert lab.exec("debian", "true").returncode == 255
        assert cli("status").returncode == 1
        lab.power_on("debian")
        assert succeed(lab, "debian", "cat /root/lab-test; rm /root/lab-test; docker ps -q") == "kept\n"

    @pytest.mark.usefixtures("lab")
    def test_status_is_for_people_and_programs(self) -> None:
        rows = json.loads(cli("status", "--format", "json").stdout)
        assert [(row["host"], row["state"]) for row in rows] == [(host.name, "running") for host in HOSTS]
        assert "192.0.2.23" in cli("status").stdout

    def test_no_mount_of_a_host_shows_on_the_machine(self, lab: Lab) -> None:
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if "anchorline-lab" in line]
        assert mounts == [str(lab.network.handle)]

    def test_down_leaves_nothing_and_up_begins_again(self, lab: Lab) -> None:
        succeed(lab, "registry", "echo gone >/root/lab-test")
        held = [machine.pid() for machine in lab.machines.values()]
        try:
            assert cli("down").returncode == 0
            assert not STATE.exists()
            assert "anchorline-lab" not in Path("/proc/mounts").read_text()
            assert not list(Path("/sys/fs/cgroup").glob("**/anchorline-lab"))
            assert not [pid for pid in held if pid and start_time(pid)]
            assert cli("run", "--", "true").returncode == 1
            assert lab.state("registry") == "absent"
        finally:
            lab.up()  # for the tests to come
        assert lab.exec("registry", "cat /root/lab-test").returncode == 1


class TestErrors:
    def test_an_unknown_host_is_named(self, lab: Lab) -> None:
        with pytest.raises(LabError, match=r"no host 'nosuch': it has registry, debian"):
            lab.exec("nosuch", "true")

    def test_a_machine_that_lacks_something_is_told_what_to_do(self) -> None:
        done = cli("up", PATH="/nonexistent")
        assert done.returncode == 3
        assert done.stderr.count("\n") == 1
        user = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-m", "lab", "up"],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
        )
        assert (user.returncode, "needs root" in user.stderr, user.stderr.count("\n")) == (3, True, 1)

    def test_packages_txt_has_what_the_lab_asks_for(self) -> None:
        listed = set((CHECKOUT / "lab/packages.txt").read_text().split())
        assert {*COMMANDS.values(), *FILES.values()} - {"dpkg"} <= listed
