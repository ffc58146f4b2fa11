"""The lab for the tests of whole fleets: real hosts, and a site of its own for each test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import Lab
from tests.preloaded import Loaded

CHECKOUT = Path(__file__).resolve().parents[2]
OF_A_SITE = ("deploy.py", "config.py", "anchorline.yml", "inventory", "group_data")
CLIENTS = ("debian", "arch-layout", "fedora-layout", "debian12")
HOSTS = ("registry", *CLIENTS)


class Site:
    """A site's folder with the lab's hosts, and the commands that a user types in it."""

    def __init__(self, folder: Path, lab: Lab, hosts: Sequence[str] = HOSTS) -> None:
        self.folder, self.lab, self.hosts = folder, lab, hosts
        for name in OF_A_SITE:
            source = CHECKOUT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
        for name in (".lab", "images"):
            (folder / name).symlink_to(CHECKOUT / name)
        self.pki = folder / "pki" / "production"
        inventory = folder / "inventory/hosts.py"
        others = tuple(f'    ("{each}",' for each in HOSTS if each not in hosts)
        kept = (line for line in inventory.read_text().splitlines() if not line.startswith(others))
        inventory.write_text("".join(f"{line}\n" for line in kept))

    @property
    def clients(self) -> tuple[str, ...]:
        return tuple(host for host in self.hosts if host in CLIENTS)

    def declare(self, **changes: Any) -> None:
        """Change the spec: a value of None takes a key out, a mapping is merged."""
        file = self.folder / "anchorline.yml"
        spec = yaml.safe_load(file.read_text())
        merge(spec, changes)
        file.write_text(yaml.safe_dump(spec, sort_keys=False))

    anchorline = str(Path(sys.executable).with_name("anchorline"))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "pyinfra", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run pyinfra with these arguments in the site's folder, in the lab's network."""
        return loaded(self.lab).run(arguments, self.folder, timeout=240)

    def run_anew(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The same in a process of its own, as a user starts it; several at a time, where a test needs that."""
        return self.lab.run(
            self.command(*arguments),
            cwd=self.folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=240,
            env={**os.environ, **environment},
        )

    def deploy(self, *options: str, step: str = "deploy.py", inventory: str = "inventory") -> Result:
        """A deploy with --json, and what came of it."""
        return Result(self.run("-y", "--json", *options, inventory, step), self.hosts)


class Result:
    """What a deploy came to."""

    def __init__(self, process: subprocess.CompletedProcess[str], hosts: Sequence[str]) -> None:
        self.hosts = hosts
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr
        self.json: dict[str, Any] = json.loads(process.stdout) if process.stdout.strip() else {}

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"

    @property
    def operations(self) -> dict[str, dict[str, list[str]]]:
        """By an operation's name: the hosts on which it succeeded, failed, changed nothing."""
        return {each["name"]: each for each in self.json["results"]["operations"]}

    @property
    def changed(self) -> bool:
        return any(each["success"] or each["error"] for each in self.operations.values())

    def ok(self) -> Result:
        assert self.code == 0, str(self)
        return self

    def failed(self, *words: str) -> Result:
        """It ended with 1, without a traceback, and said these words."""
        assert self.code == 1, str(self)
        assert "Traceback" not in self.err, str(self)
        said = " ".join(self.err.split())
        for each in words:
            assert each in said, f"{each!r} is not in\n{self}"
        return self


def merge(spec: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if value is None:
            spec.pop(key, None)
        elif isinstance(value, dict) and isinstance(spec.get(key), dict):
            merge(spec[key], value)
        else:
            spec[key] = value


def eventually(check: Any, seconds: float = 60) -> Any:
    """Ask until the answer is true; bounded."""
    deadline = time.monotonic() + seconds
    while not (answer := check()):
        assert time.monotonic() < deadline, f"still not after {seconds} s"
        time.sleep(0.2)
    return answer


def on_registry(site: Site, command: str) -> str:
    """What a command says on the registry's host, where it has to do well."""
    done = site.lab.exec("registry", command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


_LOADED: dict[int, Loaded] = {}


def loaded(lab: Lab) -> Loaded:
    """pyinfra in the lab's network, which is another one after `down`."""
    network = lab.network.handle.stat().st_ino
    if network not in _LOADED:
        _LOADED[network] = Loaded("pyinfra", lab.command([]))
    return _LOADED[network]


@pytest.fixture(scope="session")
def lab() -> Lab:
    lab = Lab.current()
    lab.up()
    return lab


class Shared:
    """The site that tests which leave it as they found it have in common: a first deploy takes longer than most."""

    site: Site | None = None


def pytest_exception_interact() -> None:
    """After a failure nobody knows what a test has left behind."""
    Shared.site = None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that share a site come first."""
    items.sort(key=lambda item: "deployed" not in item.fixturenames)  # type: ignore[attr-defined]


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path, lab: Lab) -> Site:
    """A site that no host has heard of, on hosts as they are on their first day; ``@pytest.mark.hosts`` says which."""
    Shared.site = None
    chosen = request.node.get_closest_marker("hosts")
    site = Site(tmp_path, lab, chosen.args if chosen else HOSTS)
    lab.renew(site.hosts)
    return site


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, lab: Lab) -> Site:
    """The same, for all tests of a module."""
    Shared.site = None
    lab.renew(HOSTS)
    return Site(tmp_path_factory.mktemp("site"), lab)


@pytest.fixture
def deployed(tmp_path_factory: pytest.TempPathFactory, lab: Lab) -> Site:
    """A site that has been deployed once; tests leave it as they found it."""
    if Shared.site is None:
        lab.renew(HOSTS)
        site = Site(tmp_path_factory.mktemp("site"), lab)
        site.deploy().ok()
        Shared.site = site
    return Shared.site


@pytest.fixture
def counting(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH that has each exec over SSH counted, in a file, by host."""
    folder = tmp_path / "counting"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import os, paramiko\n"
        "real = paramiko.Channel.exec_command\n"
        "def exec_command(self, command):\n"
        "    with open(os.environ['COUNTED'], 'a') as file:\n"
        "        print(self.get_transport().getpeername()[0], file=file)\n"
        "    return real(self, command)\n"
        "paramiko.Channel.exec_command = exec_command\n"
    )
    return folder
