"""The lab as a whole: its hosts, its network, and what stands in the checkout for it."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lab import brought, requirements
from lab.cache import locked
from lab.control_group import sweep
from lab.errors import CannotRun, LabError
from lab.hosts import HOSTS, Host
from lab.image import built, layers
from lab.keys import keys
from lab.machine import Machine
from lab.network import Network
from lab.registry_image import archive

log = logging.getLogger(__name__)

STATE = Path("/var/lib/anchorline-lab")
RECORD = STATE / "brought.json"
LOCK = Path("/run/lock/anchorline-lab")
CHECKOUT = Path(__file__).resolve().parent.parent

BOOT_SECONDS = 60
# systemd's own word that the boot is over ("degraded" when a unit failed), then the units of the runtime.
READY = "systemctl is-system-running --wait; systemctl is-active {units}"
AGAIN = "`python -m lab up --fresh` begins again with new hosts"


class Lab:
    """The one lab of this machine, shared by its checkouts; `checkout` is the one that gets the keys and the image."""

    def __init__(self, checkout: Path = CHECKOUT) -> None:
        self.checkout = checkout
        self.network = Network(STATE / "network")
        self.machines = {host.name: self.make(host) for host in (*HOSTS, *brought.load(RECORD))}

    def make(self, host: Host) -> Machine:
        return Machine(host, STATE / "hosts" / host.name, self.network)

    @classmethod
    def current(cls) -> Lab:
        """The lab of this machine, up or down, as seen from this checkout."""
        return cls()

    @property
    def hosts(self) -> tuple[Host, ...]:
        return tuple(machine.host for machine in self.machines.values())

    @property
    def brought(self) -> tuple[Host, ...]:
        """The hosts that somebody brought, beside the lab's own."""
        return tuple(host for host in self.hosts if host.rootfs)

    @staticmethod
    def missing() -> str | None:
        """Why this machine can't run the lab, and what to do about it; None when it can."""
        return requirements.missing(STATE.parent)

    def up(self, fresh: bool = False, rootfs: Mapping[str, Path] = MappingProxyType({})) -> None:
        """Start every host that isn't running, and wait until all are ready; `fresh` puts new ones in their place.

        `rootfs` are tars to bring as further hosts, by name; they stay until the lab goes down.
        """
        if why := self.missing():
            raise CannotRun(why)
        for name, file in rootfs.items():
            self.machines[name] = self.make(brought.bring(name, file, self.brought))
        parts = {host.name: self.parts(host) for host in self.hosts}
        self.furnish()
        with locked(LOCK):
            if fresh:
                self.end_hosts()
            network_is_new = not self.network.exists()
            started: list[Machine] = []
            try:
                if network_is_new:
                    self.network.create()
                for machine in self.machines.values():
                    if not machine.running():
                        started.append(machine)
                        machine.start(*parts[machine.host.name])
                    elif machine.recipe() != parts[machine.host.name][1].name:
                        log.info("%s runs on another recipe of the lab; `up --fresh` would renew it", machine.host.name)
                for machine in self.machines.values():
                    self.wait_until_ready(machine)
                brought.save(RECORD, self.brought)
            except BaseException:  # Ctrl-C as well: what was begun is undone
                for machine in started:
                    machine.kill()
                if network_is_new:
                    self.clear()
                raise

    @staticmethod
    def parts(host: Host) -> tuple[Path, Path]:
        """What a host is made from: the root file system, and the artefact with its layer."""
        if host.rootfs:
            return Path(host.rootfs) / "root", brought.layer(host, keys())
        return built(host.image) / "root", layers(keys())

    def down(self) -> None:
        """End every host and leave nothing of the lab but its cache."""
        if why := requirements.not_root():
            raise CannotRun(why)
        with locked(LOCK):
            self.clear()
        for host in self.brought:
            del self.machines[host.name]

    def end_hosts(self) -> None:
        """End every host, and forget what it wrote; the network stays."""
        for machine in self.machines.values():
            machine.signal(signal.SIGKILL)
        for machine in self.machines.values():
            machine.remove()
        sweep()

    def clear(self) -> None:
        self.end_hosts()
        self.network.delete()
        if STATE.exists():
            shutil.rmtree(STATE)

    def furnish(self) -> None:
        """Lay the keys and the registry's image into the checkout."""
        lab = self.checkout / ".lab"
        lab.mkdir(mode=0o700, exist_ok=True)
        for name in ("id_ed25519", "id_ed25519.pub", "known_hosts"):
            shutil.copy(keys() / name, lab / name)
        place = self.checkout / "images" / "registry.tar"
        place.parent.mkdir(exist_ok=True)
        fresh = archive()
        if not (place.exists() and place.samefile(fresh)):
            place.unlink(missing_ok=True)
            try:
                os.link(fresh, place)
            except OSError:  # the cache is on another file system
                shutil.copy(fresh, place)

    def exec(
        self,
        host: str,
        command: str,
        input: str | bytes = b"",  # noqa: A002  (named as subprocess.run has it)
        timeout: float = 60,
        user: str = "root",
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command on a host over SSH; the output is text, and a failure is an exit code, not an error."""
        data = input.encode() if isinstance(input, str) else input
        over = self.machine(host).shared(user)
        done = self.run([*self.ssh(host, user, **over), command], input=data, capture_output=True, timeout=timeout)
        out, err = (stream.decode(errors="replace") for stream in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(command, done.returncode, out, err)

    def ssh(self, host: str, user: str = "root", **more: object) -> list[str]:
        """The start of an ssh command line, for use inside the lab's network; `more` are options of ssh_config(5)."""
        options = {
            "IdentityFile": keys() / "id_ed25519",
            "UserKnownHostsFile": keys() / "known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": 5,
            "LogLevel": "ERROR",
            # what withstands a quantum computer takes a tenth of a second, hundreds of times
            "KexAlgorithms": "curve25519-sha256",
            **more,
        }
        address = self.machine(host).host.address
        return ["ssh", "-F", "none", *(f"-o{key}={value}" for key, value in options.items()), f"{user}@{address}"]

    def run(self, command: Sequence[str | os.PathLike[str]], **options: Any) -> subprocess.CompletedProcess[Any]:
        """`subprocess.run` of a command of this machine, inside the lab's network."""
        return subprocess.run(self.command(command), **options)

    def popen(self, command: Sequence[str | os.PathLike[str]], **options: Any) -> subprocess.Popen[Any]:
        """`subprocess.Popen` of a command of this machine, inside the lab's network."""
        return subprocess.Popen(self.command(command), **options)

    def command(self, command: Sequence[str | os.PathLike[str]]) -> list[str]:
        if not self.network.exists():
            raise LabError("the lab is down: `python -m lab up`")
        return self.network.command(command)

    def renew(self, hosts: Sequence[str]) -> None:
        """Put new hosts in the place of these; the others stay as they are."""
        machines = [self.machine(each) for each in hosts]
        with locked(LOCK):
            for machine in machines:
                machine.remove()
            for machine in machines:
                machine.start(*self.parts(machine.host))
            for machine in machines:
                self.wait_until_ready(machine)

    def power_off(self, host: str) -> None:
        """Shut a host down; its disk stays as it is."""
        self.machine(host).power_off()

    def power_on(self, host: str) -> None:
        """Boot a host again on the disk that it had, and wait until it is ready."""
        machine = self.machine(host)
        with locked(LOCK):
            if not machine.running():
                machine.start(*self.parts(machine.host))
            self.wait_until_ready(machine)

    def machine(self, host: str) -> Machine:
        try:
            return self.machines[host]
        except KeyError:
            raise LabError(f"the lab has no host {host!r}: it has {', '.join(self.machines)}") from None

    def wait_until_ready(self, machine: Machine) -> None:
        """Until the host has booted, answers SSH and its runtime stands; each failure says what is wrong."""
        host = machine.host
        deadline = time.monotonic() + BOOT_SECONDS
        # of a host that was brought, nobody knows which units it can run in a container
        command = "true" if host.rootfs else READY.format(units=" ".join(("ssh.service", *host.runtime.units)))
        while True:
            try:
                answer = self.exec(host.name, command, timeout=BOOT_SECONDS)
            except subprocess.TimeoutExpired:
                raise LabError(f"{host.name} has not ended its boot in {BOOT_SECONDS} s: {AGAIN}") from None
            if answer.returncode != 255:  # ssh's own "no connection"
                break
            if not machine.running():
                raise LabError(f"{host.name} ended while it started: {machine.last_words()}")
            if time.monotonic() > deadline:
                raise LabError(
                    f"{host.name} did not answer SSH within {BOOT_SECONDS} s ({answer.stderr.strip()}): {AGAIN}"
                )
            time.sleep(0.1)
        if answer.returncode != 0 or answer.stdout.startswith("degraded"):
            failed = self.exec(host.name, "systemctl --failed --plain --no-legend | cut -d ' ' -f 1").stdout.split()
            wrong = ", ".join(failed) or answer.stdout.replace("\n", " ").strip()
            raise LabError(f"{host.name} is up but not whole ({wrong}): {AGAIN}")

    def state(self, host: str) -> str:
        """`running`, `off` or `absent`."""
        machine = self.machine(host)
        if machine.running():
            return "running"
        return "off" if machine.recipe() else "absent"
