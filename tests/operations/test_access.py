"""access.sh, run here by several shells over a folder. SELinux is played by stand-ins that say what restorecon(8) and
stat(1) do: no machine of the lab can enforce it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from anchorline.fleet import words
from anchorline.fleet.scripts import script
from anchorline.problem import Problem, Where
from anchorline.verify.access import Denied, read

from .folder import Folder

NOW, THEN = "unconfined_u:object_r:admin_home_t:s0", "system_u:object_r:cert_t:s0"
MOUNT = "system_u:object_r:container_file_t:s0:c1,c2"


@dataclass
class Machine(Folder):
    """A folder with a store and a registry's files."""

    container: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        for folder in ("certs.d/name of one", "registry", "data"):
            (self.root / folder).mkdir(parents=True)
        for file in (self.anchor, self.root / "bundle.pem", self.root / "registry/server-key.pem"):
            file.write_text("x")
        for path in self.root.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)

    @property
    def anchor(self) -> Path:
        return self.root / "certs.d/name of one/anchorline-blue-1.crt"

    def enforces(self, *said: str) -> None:
        self.tool("getenforce", "echo Enforcing")
        self.tool("restorecon", "[ $1$2 = -n-v ] || exit 1\n" + "".join(f"echo '{line}'\n" for line in said))

    def look(self) -> tuple[Denied, ...]:
        # the folder's own parents may be closed to others: those aren't what is tried here
        above = f'stat() {{ [ $1 = -c ] && command stat "$@" || command stat "$@" | grep -F "{self.root}/"; }}\n'
        rows = [f"podman l {self.root}/certs.d/*/anchorline-blue-*.crt", f"debian,ubuntu r {self.root}/bundle.pem"]
        text = script(
            "fleet/shell/words.sh",
            "verify/access.sh",
            guarded=rows,
            container=self.container,
            folder=f"{self.root}/registry",
            data=f"{self.root}/data",
        )
        done = self.run(text.replace("denied_by() {", f"{above}denied_by() {{", 1))
        assert done.stderr == ""
        said = words.read(done.stdout.splitlines())
        return read(said.get("denied", ()), said.get("label", ()), words.first(said.get("reader")))

    def found(self) -> Denied:
        """The one thing that is wrong."""
        [denied] = self.look()
        return denied


@pytest.fixture
def machine(shell: list[str], tmp_path: Path) -> Machine:
    here = Machine(tmp_path / "host", shell)
    here.tool("getenforce", "echo Disabled")
    return here


def test_nothing_is_wrong(machine: Machine) -> None:
    assert machine.look() == ()
    machine.enforces()
    assert machine.look() == ()


@pytest.mark.parametrize(
    ("path", "mode", "lacks", "word"),
    [
        ("bundle.pem", 0o640, "r", "read"),
        ("certs.d/name of one/anchorline-blue-1.crt", 0o600, "r", "read"),
        ("certs.d/name of one", 0o700, "rx", "list"),
        ("certs.d/name of one", 0o711, "r", "read"),
        ("certs.d", 0o750, "x", "go through"),
    ],
)
def test_modes(machine: Machine, path: str, mode: int, lacks: str, word: str) -> None:
    there = machine.root / path
    before = there.stat().st_mode & 0o777
    there.chmod(mode)
    denied = machine.found()
    assert (denied.path, denied.lacks) == (str(there), lacks)
    problem = denied.problem(None)
    assert problem.cause.startswith(f"users can't {word} {there}, mode {mode:o} of ")
    assert subprocess.run(["sh", "-c", problem.fix], check=False).returncode == 0
    assert machine.look() == ()
    assert before | there.stat().st_mode & 0o777 == before, "and no right more than it had"


def test_a_link_is_followed(machine: Machine) -> None:
    real = machine.root / "real.pem"
    (machine.root / "bundle.pem").rename(real)
    (machine.root / "bundle.pem").symlink_to(real)
    assert machine.look() == ()
    real.chmod(0o600)
    assert machine.found().path == str(real)


@pytest.mark.parametrize("form", ["Would relabel {} from {} to {}", "restorecon reset {} context {}->{}"])
def test_a_label(machine: Machine, form: str) -> None:
    """Both forms in which restorecon says it; one path is asked about at a time."""
    machine.enforces()
    line = form.format(machine.anchor, NOW, THEN)
    machine.tool("restorecon", f"case $3 in *anchorline*) echo '{line}' ;; esac")
    denied = machine.found()
    assert denied.problem(None) == Problem(
        f"{machine.anchor} has the SELinux label {NOW}, not {THEN}",
        f"restorecon -R '{machine.anchor}'",
        Where.ON_THE_HOST,
    )
    machine.tool("getenforce", "echo Permissive")
    assert machine.look() == (), "where nothing is enforced, a label keeps nobody from anything"


def test_the_registrys_user(machine: Machine) -> None:
    machine.container = "registry"
    machine.tool("docker", "echo ' '")
    (machine.root / "registry").chmod(0o700)
    assert machine.look() == (), "root in the container reads all"
    machine.tool("docker", "echo '4711:4712 '")
    folder, data = machine.look()
    assert (folder.path, folder.lacks, folder.reader) == (f"{machine.root}/registry", "rx", "4711:4712")
    assert (data.path, data.lacks, data.reader) == (f"{machine.root}/data", "w", "4711:4712")
    machine.tool("docker", "echo 'someone '")
    assert machine.look() == (), "a name is known in the image alone"


def test_the_registrys_label(machine: Machine) -> None:
    machine.container = "registry"
    machine.enforces()
    machine.tool("docker", f"echo ' {MOUNT}'")
    machine.tool("stat", f"case $1$3 in -c*-key.pem) echo {NOW} ;; -c*) echo {MOUNT} ;; esac")
    rows = [each for each in machine.look() if each.label]
    assert [(each.path, each.has, each.label) for each in rows] == [
        (f"{machine.root}/registry/server-key.pem", NOW, MOUNT)
    ]
