"""What is said on the machine that anchorline runs on: the command line, refusals, pki/. Each is called for it."""

from __future__ import annotations

import base64
import fcntl
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from anchorline.authority import adopt, owners, stage
from anchorline.cli.first_keys import accepted
from anchorline.cli.host_keys import told
from anchorline.cli.known_hosts import Compared, Way
from anchorline.cli.main import cli
from anchorline.fleet import failed, guard, machines, ssh
from anchorline.fleet.fleet import Fleet, Host
from anchorline.fleet.steps import Step
from anchorline.problem import Problem
from anchorline.registry import daemon, distribution
from anchorline.registry.observed import DataState, FoundContainer, FoundData, ObservedRegistry
from anchorline.registry.plan import conflicts
from anchorline.report.forms import form_of, require_writable
from anchorline.report.hosts import unreachable
from anchorline.spec.model import DeclaredAuthority, Registry, Spec
from anchorline.trust import probe
from anchorline.trust.observed import ObservedTrust
from anchorline.trust.scripts import ExportedTrust
from tests.unit.blue import DEBIAN
from tests.unit.ca import Ca
from tests.unit.external import DAY, MIDDLE, OTHER, BroughtSite, Cert, leaf
from tests.unit.external import ROOT as COMPANY
from tests.unit.said import SITE, Said, refused, texts
from tests.unit.shell import called
from tests.unit.sites import NOW, declare


def the_command_line(folder: Path) -> Said:
    for options in ({"no_wait": True}, {"serial": True}, {"dry": True, "yes": True}, {}):
        yield refused(lambda given=options: guard.check_options(given, terminal=False))  # type: ignore[misc]
    yield refused(lambda: form_of(Path("report.doc")))
    yield refused(lambda: require_writable(folder / "none/report.xml"))
    file = folder / failed.NAME
    yield refused(lambda: failed.instead(str(file), []))
    file.touch()
    yield refused(lambda: failed.instead(str(file), [str(file), "--limit", "a"]))
    (folder / "anchorline.yml").write_text("version: 1\nsite: blue\nlimits: {failed: 0%}\n")
    fleet = Fleet(folder / "anchorline.yml", {name: Host(name) for name in "abc"})
    for host in fleet.hosts.values():
        fleet.fail(host, Step.TRUST, Problem("x"))
    yield refused(lambda: fleet.require_few_failures("trust", ()))
    yield unreachable(fleet.hosts["a"], "x").condition
    yield known_hosts_said(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield CliRunner().invoke(cli, ["status"]).output

    def hangs(*_: object, **__: object) -> None:
        raise TimeoutError

    hanging: Any = SimpleNamespace(
        current_op_global_arguments={},
        state=SimpleNamespace(print_output=False, print_input=False),
        run_shell_command=hangs,
    )
    yield str(ssh.ask(hanging, "true", timeout=1).problem)


def known_hosts_said(folder: Path) -> str:
    """What is said of a fleet that takes any first key, and by host-keys of one that has changed."""
    (folder / "group_data").mkdir()
    (folder / "group_data/all.py").touch()
    way = Way("a", "a", 22, Path("known_hosts"))
    key = base64.b64encode(b"key").decode()
    return texts(
        [*accepted(folder), *told(Compared(way, {"ssh-rsa": key}, {"ssh-dss": key}), "inventory", written=False)]
    )


def nothing_was_changed(folder: Path) -> Said:
    file = folder / "anchorline.yml"
    file.write_text(SITE)
    fleet = Fleet(file, {"registry": Host("registry", ("registry",)), "a": Host("a")})
    fleet.observations["a"] = {"trust": ObservedTrust(("debian",), DEBIAN, marker=(f"ca {'ab12' * 16}",))}
    yield texts(probe.PROBE.preflight(fleet))
    yield refused(lambda: Fleet(file, {"a": Host("a")}).registry_hosts)
    yield str(machines.problem(("a", "b")))
    yield str(daemon.missing())
    yield str(daemon.down("docker"))
    wanted = distribution.instance("blue", Registry(mode="local"))
    script = "after() { [ \"$1\" != 'marker ca' ] || echo x; }; memory"
    yield called(script, "fleet/shell/files.sh", "trust/alone.sh", **dict.fromkeys(ExportedTrust.names(), "y"))
    theirs = FoundContainer("running", "abc", "red", "")
    yield texts(conflicts(ObservedRegistry("28.0", container=theirs, port="nginx", free=1), wanted))
    yield texts(each for state in DataState for each in conflicts(ObservedRegistry(data=FoundData(state)), wanted))


def the_ca(folder: Path) -> Said:
    def site(name: str) -> Spec:
        (folder / name).mkdir()
        spec = declare(folder / name)
        stage(spec, NOW).commit()
        return spec

    later = NOW + timedelta(days=80)  # when the certificates are due
    other = site("other")

    def changed(name: str, change: Callable[[Path], object]) -> str:
        spec = site(name)
        change(spec.pki)
        return refused(lambda: stage(spec, later).commit())

    yield changed("missing", lambda pki: (pki / "ca.pem").unlink())
    yield changed("keyless", lambda pki: (pki / "ca-key.pem").unlink())
    yield changed("wrong", lambda pki: (pki / "ca-key.pem").write_bytes((other.pki / "ca-key.pem").read_bytes()))
    yield changed("another's", lambda pki: (pki / "ca-key.pem").write_bytes((pki / "server-key.pem").read_bytes()))
    yield changed("open", lambda pki: (pki / "ca-key.pem").chmod(0o644))
    yield changed("written by all", lambda pki: pki.chmod(0o777))
    yield changed("linked", lambda pki: (pki / ".commit").symlink_to(pki))
    authority = DeclaredAuthority.model_validate({"CN": "Another CA"})
    yield refused(lambda: stage(other.model_copy(update={"authority": authority}), later))
    (folder / "encrypted").mkdir()
    stage(declare(folder / "encrypted"), NOW, passphrase="secret").commit()
    yield refused(lambda: stage(declare(folder / "encrypted"), later).commit())
    yield refused(lambda: stage(declare(folder / "encrypted"), later, passphrase="wrong").commit())
    (folder / "twice").mkdir()
    one, two = (stage(declare(folder / "twice"), NOW) for _ in range(2))
    one.commit()
    yield refused(two.commit)

    yield from _by_others(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 12345)
        yield refused(lambda: stage(site("a user's"), later).commit())
        patch.setattr(owners, "ours", lambda _: False)
        yield refused(lambda: stage(other, later))
    descriptor = os.open(other.pki, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield refused(lambda: stage(other, later))
    os.close(descriptor)


def _by_others(folder: Path) -> Said:
    (folder / "brought").mkdir()
    site = BroughtSite(folder / "brought")
    low = Cert("Low", MIDDLE)
    for chain in (
        (COMPANY,),
        (leaf(MIDDLE), OTHER),
        (leaf(MIDDLE),),
        (leaf(COMPANY, hosts=("x.example.com",)),),
        (leaf(COMPANY, ends=-DAY),),
        (leaf(low), low, MIDDLE),
    ):
        site.bring(*chain)
        yield site.problem()
    site.put("root.pem", COMPANY.pem + OTHER.pem)
    yield refused(lambda: stage(site.spec))
    for number, names in enumerate((("Fleet CA",), ("Another CA",), ("Fleet CA", "Another CA"))):
        old = folder / f"old{number}"
        old.mkdir()
        for name in names:
            ca = Ca(name)
            (old / f"{name}.pem").write_bytes(ca.pem)
            if number:
                ca.write_key(old / f"{name}-key.pem")
        yield refused(lambda old=old: adopt.adopt(declare(folder), old))  # type: ignore[misc]
