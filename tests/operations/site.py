"""A site with a fleet of @fake hosts, over which the real command line runs. For tests and for bench/."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from anchorline.authority import Staged, stage
from anchorline.registry import distribution
from anchorline.registry.desired import Instance, Presented
from anchorline.spec import Spec, load
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust
from anchorline.trust.plan import difference
from anchorline.trust.stores.families import FAMILIES
from anchorline.verify.verification import stamp
from tests.preloaded import loaded
from tests.unit.said import SITE

CHECKOUT = Path(__file__).parents[2]
SPEC = SITE
INVENTORY = """
from fakes import group

registry = group("registry.*")
clients = group("(?!registry).*")
"""
Answers = dict[str, Any]
LOOK, END = "framed end", "=== end"
"""What tells the script of the look, and how its answer ends; fakes.py puts the frame's word in."""


@dataclass(frozen=True)
class Ran:
    """One run of pyinfra: how it ended, what it said, and what each host was told."""

    code: int
    out: str
    err: str
    commands: dict[str, list[tuple[str, str]]]

    @property
    def said(self) -> str:
        return self.out + self.err

    @property
    def counts(self) -> dict[str, int]:
        """Commands for each host."""
        return {host: len(told) for host, told in self.commands.items()}

    def summary(self, host: str) -> str:
        """The host's line at the end. Raises StopIteration where there is none."""
        lines = self.err.splitlines()
        begin = next(number for number, line in enumerate(lines) if line.split()[:2] == ["host", "what"])
        return " ".join(next(line for line in lines[begin:] if line.split()[:1] == [f"@fake/{host}"]).split())


@dataclass
class Site:
    """A site's folder, and its hosts with what they answer."""

    folder: Path
    answers: dict[str, Answers] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path) -> Site:
        """A site with the checkout's own deploy.py and config.py, and no hosts yet."""
        for name in ("deploy.py", "config.py"):
            shutil.copy(CHECKOUT / name, folder)
        shutil.copytree(CHECKOUT / "group_data", folder / "group_data", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(Path(__file__).with_name("fakes.py"), folder)
        made = cls(folder)
        made.write()
        return made

    def write(self, spec: str = SPEC, inventory: str = INVENTORY) -> None:
        (self.folder / "anchorline.yml").write_text(spec)
        (self.folder / "inventory").mkdir(exist_ok=True)
        (self.folder / "inventory/hosts.py").write_text(inventory)

    @property
    def spec(self) -> Spec:
        return load(self.folder / "anchorline.yml")

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    def commit(self) -> Staged:
        """Make the site's CA, as a run before this one has."""
        stage(self.spec).commit()
        return stage(self.spec)

    def new(self, *hosts: str) -> None:
        """Hosts that have heard of nothing."""
        for host in hosts:
            self.answers[host] = self.answer(host, stage(self.spec), known=False)

    def settled(self, *hosts: str, staged: Staged | None = None) -> None:
        """Hosts that have all that they should."""
        staged = staged or self.commit()
        for host in hosts:
            self.answers[host] = self.answer(host, staged, known=True)

    def answer(self, host: str, staged: Staged, *, known: bool) -> Answers:
        """What a host of Debian with Docker and curl answers to the probe, and to a trip."""
        container = distribution.service(self.spec).registry
        lines = ["=== trust", *_trust(self.spec, staged, known=known)]
        lines += ["=== doctor", f"clock {time.time():.0f}", *_wire(self.spec, staged, known=known)]
        lines += ["=== report", "left 9999999 /etc", "version 3.0.0", "used 2048", "repositories 2", "tags 3"]
        if container and host.startswith("registry"):
            lines += ["=== registry", *_registry(container, staged, known=known)]
        if container:
            wanted = DesiredTrust.of(self.spec, staged)
            made = stamp(wanted, container, _presented(container, staged).chain, NEW)
            lines += ["=== verify", *([made] if known else [])]
        return {
            LOOK: {"stdout": [*lines, END]},
            "push_docker": {
                "stdout": [
                    "verification docker pulled ok 10",
                    "verification curl pulled ok 9",
                    f"digest sha256:{'12' * 32}",
                ]
            },
        }

    def says(self, host: str, *, stdout: list[str], stderr: list[str] | None = None, success: bool = True) -> None:
        """Another answer to the probe."""
        self.answers[host] = {LOOK: {"stdout": stdout, "stderr": stderr or [], "success": success}}

    def run(self, *arguments: str, cwd: str = ".") -> Ran:
        """Run pyinfra in the site's folder, with no terminal."""
        log = self.folder / "commands.log"
        log.unlink(missing_ok=True)
        (self.folder / "answers.json").write_text(json.dumps(self.answers))
        environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "PYTHONPATH": str(self.folder)}
        done = loaded("pyinfra").run(arguments, self.folder / cwd, environment)
        commands: dict[str, list[tuple[str, str]]] = {}
        for line in log.read_text().splitlines() if log.exists() else []:
            host, kind, text = json.loads(line)
            commands.setdefault(host, []).append((kind, text))
        return Ran(done.returncode, done.stdout, done.stderr, commands)

    def deploy(self, *arguments: str) -> Ran:
        return self.run("-y", *arguments, "inventory", "deploy.py")

    def trace(self) -> dict[str, tuple[int, bytes]]:
        """What lies in pki/: to tell whether a run left a trace."""
        files = sorted(path for path in self.pki.rglob("*") if path.is_file())
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


DOCKER = (("docker", "/etc/docker/certs.d"),)
NEW = ObservedTrust(("debian",), FAMILIES[0], tools=frozenset({"docker", "curl"}), folders=DOCKER)


def _trust(spec: Spec, staged: Staged, *, known: bool) -> list[str]:
    lines = ["os debian", "family debian", "runtime docker /etc/docker/certs.d", "runtime curl"]
    if not known:
        return lines
    wanted = DesiredTrust.of(spec, staged)
    change = difference(NEW, wanted)
    lines += [f"bundled debian {anchor.name}" for anchor in wanted.anchors]
    lines += [f"file {file.sha256} {file.path}" for file in change.files if file.path != wanted.marker_file]
    lines += [f"marker {line}" for line in wanted.marker]
    return [*lines, *([f"hosts {wanted.hosts_line} # anchorline {spec.site}"] if wanted.hosts_line else [])]


def _presented(container: Instance, staged: Staged) -> Presented:
    if not container.tls:
        return Presented()
    certificate, vouching = staged.certificate("server"), staged.vouching("server")
    return Presented(
        certificate.fingerprint, *(sha256(pem.encode()).hexdigest() for pem in (certificate.pem, vouching))
    )


def _wire(spec: Spec, staged: Staged, *, known: bool) -> list[str]:
    """What a host sees of the registry."""
    if spec.registry is None or spec.registry.mode != "remote":
        return []
    lines = ["address 192.0.2.10", "curl 0"]
    if not known:
        return [*lines, "reachability refused"]
    leaf = "".join(staged.certificate("server").pem.split("-----")[2].split())
    return [*lines, "reachability open", f"served {leaf}"]


def _registry(container: Instance, staged: Staged, *, known: bool) -> list[str]:
    if not known:
        return ["runtime up 28.0", "image sha256:12", "free 9999999", "health no answer"]
    shows = _presented(container, staged)
    digests = shows.digests(container)
    return [
        "runtime up 28.0",
        f"container /{container.name} running abc {container.site} {container.digest}",
        "image sha256:12",
        "port docker-proxy",
        f"data of {container.site}",
        "noted",
        "free 9999999",
        f"started {shows.chain}",
        f"configured {container.configured}",
        "started-at 2026",
        "at 2026",
        *(f"file kept {each.name} {digests.get(each.name, '')}" for each in container.files),
        f"health ok {shows.leaf}",
    ]
