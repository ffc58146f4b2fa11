"""Sites of the command line's tests: what ``init`` makes, and a folder for ``pki``."""

from __future__ import annotations

import os
import runpy
import subprocess
from pathlib import Path

from click.testing import CliRunner, Result

from anchorline.cli.main import cli
from tests.preloaded import loaded

LAYOUT = {
    *("deploy.py", "config.py", "anchorline.yml", "anchorline.schema.json", ".gitignore", "inventory/hosts.py"),
    *("group_data/all.py", "group_data/registry.py", "group_data/clients.py", "pki/.gitignore"),
}
SPEC = """\
version: 1
site: production
authority: {CN: Example Fleet CA, name_constraints: {dns: [example.com], ip: [192.0.2.0/24]}}
signing:
  profiles:
    server: {expiry: 8760h, usages: [signing, server auth]}
certificates:
  server: {profile: server, CN: registry.example.com, hosts: [registry.example.com, 192.0.2.10]}
  other: {profile: server, CN: other.example.com, hosts: [other.example.com]}
"""


def init(folder: Path | str, *flags: str) -> Result:
    """In this process: the runner's input is no terminal."""
    return CliRunner().invoke(cli, ["init", str(folder), *flags])


def run(*arguments: str | Path, cwd: Path) -> tuple[int, str]:
    done = loaded("anchorline").run([*map(str, arguments)], cwd)
    return done.returncode, done.stdout + done.stderr


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def hosts(folder: Path) -> tuple[list[object], list[object]]:
    made = runpy.run_path(str(folder / "inventory/hosts.py"))
    return made["registry"], made["clients"]


def root_ca(file: Path) -> Path:
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "900",
    ]
    command += ["-keyout", "/dev/null", "-out", str(file), "-subj", "/CN=Root"]
    subprocess.run(command, check=True, capture_output=True)
    return file


class PkiSite:
    """A folder with a spec, and the command in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pki = folder / "pki/production"
        self.spec = folder / "anchorline.yml"
        self.spec.write_text(SPEC)

    def __call__(self, *arguments: str, code: int = 0, passphrase: str | None = None) -> str:
        """Run ``anchorline pki``; gives what it said. It never shows a key or a traceback."""
        environment = {key: value for key, value in os.environ.items() if key != "ANCHORLINE_PASSPHRASE"}
        if passphrase:
            environment["ANCHORLINE_PASSPHRASE"] = passphrase
        run = loaded("anchorline").run(["pki", *arguments], self.folder, environment)
        said = run.stdout + run.stderr
        assert run.returncode == code, said
        assert "Traceback" not in said
        assert "PRIVATE KEY" not in said
        for key in self.pki.glob("*-key.pem"):
            assert not any(line in said for line in key.read_text().splitlines()[1:-1])
        if code and not run.stdout:
            assert run.stderr.count("\n") == 1
            return run.stderr
        return run.stdout

    def files(self) -> dict[str, tuple[int, bytes]]:
        return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in self.pki.iterdir()}
