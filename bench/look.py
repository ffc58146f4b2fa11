"""How long a look at a fleet takes: `anchorline status` against parallel-ssh that runs `true` on the same hosts.

    .venv/bin/python bench/look.py [--hosts 40] [--runs 5]

As root, with Debian's pssh, openssh-server and iproute2. The hosts are that many sshd in a network namespace of their
own, each with mounts and processes of its own as a machine has them; they share this machine's processors, where real
ones have their own. Prints the times of both and their ratio, and that of parallel-ssh with the look's own script in
place of `true`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))

from anchorline.fleet.probe import Question  # noqa: E402
from anchorline.fleet.wire import join  # noqa: E402
from anchorline.spec import load  # noqa: E402
from anchorline.trust.scripts import TrustProbe  # noqa: E402
from tests.operations.site import SPEC, Site  # noqa: E402

NEEDED = ("sshd", "parallel-ssh", "ip", "unshare", "ssh-keygen")
NAMESPACE = f"anchorline-look-{os.getpid()}"
BOUND = 1.2
"""How many times as long as parallel-ssh a look may take."""
WITHOUT_JAVA = """
for each in /usr/lib/jvm /etc/ssl/certs/java; do [ ! -d $each ] || mount -t tmpfs none $each; done
exec "$@"
"""
"""A keytool for each host would be most of what this machine's processors do."""
INVENTORY = """
data = {{"ssh_user": "root", "ssh_key": "key", "ssh_known_hosts_file": "known", "ssh_strict_host_key_checking": "no"}}
registry = [("{0}", data)]
clients = [(name, data) for name in {1}]
"""


def address(number: int) -> str:
    """RFC 5737's addresses for documentation, which lead nowhere."""
    return f"192.0.2.{number + 1}"


def inside(*command: str | Path) -> list[str | Path]:
    return ["ip", "netns", "exec", NAMESPACE, *command]


@contextmanager
def network(hosts: int) -> Iterator[None]:
    """A network namespace with so many addresses on its loopback interface, and no way out."""
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    try:
        subprocess.run(inside("ip", "link", "set", "lo", "up"), check=True)
        for number in range(hosts):
            subprocess.run(inside("ip", "address", "add", f"{address(number)}/32", "dev", "lo"), check=True)
        yield
    finally:
        subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True)


@contextmanager
def sshd(folder: Path, name: str) -> Iterator[None]:
    """One sshd on an address, until the end."""
    options = {
        "ListenAddress": name,
        "HostKey": folder / "host",
        "PidFile": "none",
        "UsePAM": "no",
        "UseDNS": "no",
        "PermitRootLogin": "prohibit-password",
        "AuthorizedKeysFile": folder / "key.pub",
        "StrictModes": "no",
        "MaxStartups": "200",
    }
    words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    program = shutil.which("sshd") or "sshd"
    alone = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", WITHOUT_JAVA, "sh")
    child = subprocess.Popen(inside(*alone, program, "-D", "-f", "/dev/null", *words), stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.kill()  # which its namespace's own processes follow; unshare keeps a SIGTERM to itself
        child.wait(timeout=10)


def timed(command: list[str | Path], folder: Path, codes: tuple[int, ...]) -> float:
    """Seconds on the clock. Raises RuntimeError where the command didn't do what it was for."""
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    took = time.monotonic() - began
    if done.returncode not in codes or "unreachable" in done.stdout:
        raise RuntimeError(f"{command}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return took


def prepare(folder: Path, hosts: list[str]) -> None:
    site = Site.make(folder)
    # by its address: a name would be asked of a resolver that nobody reaches from there
    site.write(SPEC.replace("registry.example.com", hosts[0]), INVENTORY.format(hosts[0], hosts[1:]))
    site.commit()
    for name in ("key", "host"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "hosts").write_text("".join(f"{name}\n" for name in hosts))
    text, data = join({"trust": Question(TrustProbe.of(load(folder / "anchorline.yml").site).text)})
    (folder / "look.sh").write_text(text)
    (folder / "look.data").write_text(data)
    Path("/run/sshd").mkdir(exist_ok=True)


def main() -> int:
    """Measure both by turns, print, and tell whether the bound holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    if lacking := [name for name in NEEDED if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")]:
        print(f"not here: {', '.join(lacking)}; apt-get install pssh openssh-server iproute2", file=sys.stderr)  # noqa: T201
        return 2
    hosts = [address(number) for number in range(arguments.hosts)]
    with tempfile.TemporaryDirectory() as name, network(len(hosts)), ExitStack() as running:
        folder = Path(name)
        prepare(folder, hosts)
        for each in hosts:
            running.enter_context(sshd(folder, each))
        time.sleep(1)
        ssh = ["-x", "-F none", "-O", f"IdentityFile={folder / 'key'}", "-O", "StrictHostKeyChecking=no"]
        ssh += ["-O", f"UserKnownHostsFile={folder / 'known'}", "-l", "root", "-p", "100", "-t", "60"]
        parallel = inside("parallel-ssh", "-h", folder / "hosts", *ssh)
        script = (folder / "look.sh").read_text().replace("data=$(cat)", "data=")
        commands = {
            "anchorline status": (inside(Path(sys.executable).with_name("anchorline"), "status"), (0, 1)),
            "parallel-ssh true": ([*parallel, "true"], (0,)),
            "parallel-ssh, the look's script": ([*parallel, script], (0,)),
        }
        times: dict[str, list[float]] = {what: [] for what in commands}
        for _ in range(arguments.runs):
            for what, (command, codes) in commands.items():
                times[what].append(timed(command, folder, codes))
    middle = {what: statistics.median(taken) for what, taken in times.items()}
    for what, taken in times.items():
        print(f"{what}: {middle[what]:.2f} s ({min(taken):.2f} to {max(taken):.2f})")  # noqa: T201
    look, true, same = middle.values()
    print(f"{len(hosts)} hosts: {look / true:.2f} times parallel-ssh true, {look / same:.2f} times the same script")  # noqa: T201
    return 1 if look / true > BOUND else 0


if __name__ == "__main__":
    sys.exit(main())
