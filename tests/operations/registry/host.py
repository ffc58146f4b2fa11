"""A folder as the registry's host, with a Docker that notes what it does."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from anchorline.fleet.scripts import stdin
from anchorline.registry import distribution
from anchorline.registry.desired import Instance, Presented
from anchorline.registry.observed import ObservedRegistry, read
from anchorline.registry.plan import InstancePlan, InstanceStep, plan
from anchorline.registry.scripts import Apply, InstanceProbe
from anchorline.spec.model import Registry
from tests.operations.folder import Folder

WRITE, CREATE, REPLACE = InstanceStep.WRITE, InstanceStep.CREATE, InstanceStep.REPLACE
RESTART, START = InstanceStep.RESTART, InstanceStep.START
PRESENTED = Presented("", sha256(b"new\n").hexdigest(), sha256(b"ca\n").hexdigest())
BEFORE = {"server.pem": "old\n", "server-key.pem": "old key\n", "started": "chain\n", "secret": "s3\n"}
SENT = {"ca.pem": "ca\n", "server.pem": "new\n", "server-key.pem": "new key\n"}
# containers are files: a line each for the state, when it started, and the digest that it is labelled with
DOCKER = r"""
there=$ROOT/containers
case "$1 $2" in
    'image inspect' | 'image load' | 'image pull') [ ! -e "$ROOT/no-image" ] || exit 1; echo sha256:1; exit 0 ;;
    'version --format') echo 28.0; exit 0 ;;
    'info --format') cat "$ROOT/log-driver" 2>/dev/null || echo json-file; exit 0 ;;
    'container inspect')
        for name; do :; done
        [ -f "$there/$name" ] || exit 1
        { read -r state; read -r at; read -r digest; } <"$there/$name"
        case $4 in
            *Labels*) echo "/$name $state id $(cat "$ROOT/whose" 2>/dev/null || echo blue) $digest" ;;
            *RestartCount*) echo "$state 0" ;;
            *StartedAt*) echo "$at" ;;
            *Pid*) echo $PPID ;;
        esac
        exit 0 ;;
esac
echo "$*" >>"$ROOT/asked"
find "$ROOT/state" >>"$ROOT/paths"
n=$(wc -l <"$ROOT/asked")
begin() { sed -i "1s/.*/running/; 2s/.*/$n/" "$there/$1"; }
case $1 in
    create)
        [ ! -e "$there/$3" ] || { echo "Conflict. The container name /$3 is already in use" >&2; exit 1; }
        digest=$(printf '%s\n' "$@" | sed -n 's/--label=anchorline.spec=//p')
        printf 'created\n-\n%s\n' "$digest" >"$there/$3" ;;
    start)
        ! grep -q paused "$there/$2" || { echo 'cannot start a paused container' >&2; exit 1; }
        [ ! -e "$ROOT/no-start" ] || { echo 'port is already allocated' >&2; exit 1; }; begin "$2" ;;
    restart) begin "$4" ;;
    stop) sed -i '1s/.*/exited/' "$there/$4" ;;
    unpause) sed -i '1s/.*/running/' "$there/$2" ;;
    rename) [ ! -e "$ROOT/no-rename" ] || exit 1; mv "$there/$2" "$there/$3" ;;
    rm) rm -f "$there/$3" ;;
    logs) echo 'what the container said' ;;
esac
"""


@dataclass
class Host(Folder):
    """A folder as the registry's host, with a Docker of its own."""

    port: int

    @property
    def instance(self) -> Instance:
        """The registry of a spec in local mode, which is asked without TLS, but with the files of remote mode."""
        remote = Registry.model_validate(
            {"address": "localhost", "certificate": "s", "listen": f"127.0.0.1:{self.port}"}
        )
        made = distribution.instance("blue", remote)
        health = replace(made.health, tls=False)
        return replace(
            made, folder=f"{self.root}/state/registry", data=f"{self.root}/data", health=health, inside=self.port
        )

    @property
    def folder(self) -> Path:
        return self.root / "state/registry"

    def shows(self, name: str = "registry", state: str = "running", at: str = "-", digest: str = "") -> None:
        """There is a container."""
        (self.root / "containers" / name).write_text(f"{state}\n{at}\n{digest or self.instance.digest}\n")

    def apply(
        self, *steps: InstanceStep, files: tuple[str, ...] = ("config.yml", *SENT)
    ) -> subprocess.CompletedProcess[str]:
        """Take steps, with all files or some."""
        wanted = self.instance
        contents = {**SENT, "config.yml": wanted.configuration}
        sent = [wanted.file(each, contents[each.name]) for each in wanted.files if each.name in files]
        made = Apply.of(wanted, InstancePlan(steps, "why"), PRESENTED, "")
        script = replace(made, state=f"{self.root}/state", drain=1, patience=1)
        return self.run(script.text, stdin(sent if WRITE in steps else []))

    def carries_out(self, due: InstancePlan) -> None:
        done = self.apply(*due.steps, files=tuple(each.name for each in due.files))
        assert done.returncode == 0, done.stderr

    def look(self) -> ObservedRegistry:
        return read(self.says(InstanceProbe.about(self.instance).text).splitlines(), self.instance)

    def due(self) -> InstancePlan:
        return plan(self.look(), self.instance, PRESENTED)

    def asked(self) -> list[str]:
        """What was asked of Docker, by its first word; forgotten afterwards."""
        file = self.root / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [line.split()[0] for line in lines if line.split()[0] not in ("rm", "logs")]

    def containers(self) -> dict[str, str]:
        return {each.name: each.read_text().split()[0] for each in (self.root / "containers").iterdir()}


def files(folder: Path) -> dict[str, str]:
    return {each.name: each.read_text() for each in folder.iterdir()}
