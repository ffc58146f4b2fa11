"""What the probe at trust sees, by several shells over a folder that plays the host's root."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from anchorline.authority import Anchor, stage
from anchorline.fleet.probe import Question
from anchorline.fleet.scripts import script
from anchorline.fleet.wire import join
from anchorline.registry import distribution
from anchorline.registry.scripts import Apply, InstanceProbe
from anchorline.spec import load
from anchorline.spec.model import Registry
from anchorline.trust import observed
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.plan import difference
from anchorline.trust.scripts import ApplyTrust, TrustProbe
from anchorline.verify.scripts import RoundTrip
from tests.operations.folder import Plays, System
from tests.operations.rollout.short import anchors, short_paths
from tests.unit.tools import lacking

ARGUMENT = 128 * 1024
"""Linux takes no longer argument than this (MAX_ARG_STRLEN), and a script travels as one, quoted once more."""


def test_look_apply_look(machine: System, wanted: DesiredTrust) -> None:
    """The whole way: what the first look lacks is applied, and the second look lacks nothing."""
    machine.tool("dockerd")
    machine.tool("podman")
    new = machine.look(wanted)
    assert new.os_ids == ("testing", "debian", "something")
    assert new.family is not None
    assert {"docker", "podman"} <= new.tools
    change = difference(new, wanted)
    assert change.what == ("system store", "docker", "podman", observed.HOSTS)
    done = machine.apply(wanted, change.files, hosts_line=change.hosts_line)
    assert (done.returncode, done.stderr) == (0, "")
    assert not difference(machine.look(wanted), wanted)
    hosts = machine.hosts.read_text()
    assert hosts == "127.0.0.1 localhost\n192.0.2.10 registry.example.com # anchorline blue\n"
    assert machine.left() == []
    assert (machine.root / "anchors" / wanted.anchors[0].name).stat().st_mode & 0o777 == 0o644


def test_a_removed_file_is_seen_by_the_next_look(machine: System, wanted: DesiredTrust) -> None:
    """The control of the test above: the second look isn't blind."""
    assert machine.apply(wanted, anchors(machine, wanted)).returncode == 0
    assert machine.look(wanted).bundled == {wanted.anchors[0].name}
    (machine.root / "bundle.pem").write_text("")
    assert machine.look(wanted).bundled == frozenset()
    (machine.root / "anchors" / wanted.anchors[0].name).write_text("altered")
    change = difference(machine.look(wanted), wanted)
    assert "system store repaired" in change.what


def test_a_hosts_file_whose_last_line_is_ours_and_has_no_end(machine: System, wanted: DesiredTrust) -> None:
    machine.hosts.write_text(f"127.0.0.1 localhost\n{wanted.hosts_line} # anchorline blue")
    assert machine.look(wanted).hosts_line == f"{wanted.hosts_line} # anchorline blue"


@pytest.mark.parametrize(
    "mangle",
    [
        "sed 's/$/\\r/'",  # CRLF
        "sed 's/^/  /'",
        "sed '1i # Blue CA'",  # a comment before it, as Fedora's bundle has
        "sed '/^-/!s/.\\{20\\}/&\\n/g'",  # short lines
        "awk '/^-/ { if (all) print all; all = \"\"; print; next } { all = all $0 }'",  # one long line
    ],
)
def test_a_bundle_written_in_another_way(machine: System, wanted: DesiredTrust, mangle: str) -> None:
    machine.updates(f'cat "$ROOT"/anchors/*.crt | {mangle} >"$ROOT/bundle.pem"\n')
    assert machine.apply(wanted, anchors(machine, wanted)).returncode == 0
    assert machine.look(wanted).bundled == {wanted.anchors[0].name}


@pytest.fixture(scope="module")
def many(wanted: DesiredTrust, tmp_path_factory: pytest.TempPathFactory) -> DesiredTrust:
    """The site with 50 CAs of others."""
    others: list[Anchor] = []
    for number in range(50):
        file = tmp_path_factory.mktemp("other") / "anchorline.yml"
        file.write_text(f"version: 1\nsite: other\nauthority: {{CN: Other {number}}}\n")
        [anchor] = stage(load(file)).anchors
        others.append(replace(anchor, name=anchor.name.replace("-other-", "-blue-")))
    return replace(wanted, anchors=(*wanted.anchors, *others))


def test_many_certificates_and_short_scripts(machine: System, many: DesiredTrust) -> None:
    change = difference(machine.look(many), many)
    assert sum("/anchors/" in file.path for file in change.files) == 51
    assert machine.apply(many, change.files, hosts_line=change.hosts_line).returncode == 0
    seen = machine.look(many)
    assert len(seen.bundled) == 51
    assert not difference(seen, many)
    # one of the many that the bundle lacks is found
    machine.updates('set -- "$ROOT"/anchors/*.crt; shift; cat "$@" >"$ROOT/bundle.pem"\n')
    assert "doesn't hold" in machine.apply(many, anchors(machine, many)).stderr


def test_a_ca_that_is_there_under_odd_names_of_others(machine: System, wanted: DesiredTrust) -> None:
    odd = ["plain.crt", "with space.crt", "it's $(here) `now`.crt", 'back\\slash "quote".crt', "-dash.crt", "ü=x.crt"]
    for name in odd:
        (machine.root / "vendor" / name).write_text(f"# of others\n{wanted.anchors[0].pem}")
        (machine.root / "bundle.pem").write_text(wanted.anchors[0].pem)
        seen = machine.look(wanted)
        assert seen.elsewhere == {wanted.anchors[0].name: f"{machine.root}/vendor/{name}"}
        assert f"{machine.root}/anchors" not in {
            file.path.rpartition("/")[0] for file in difference(seen, wanted).files
        }
        (machine.root / "vendor" / name).rename(machine.root / "elsewhere.crt")
    (machine.root / "anchors" / "link.crt").symlink_to(machine.root / "elsewhere.crt")
    assert machine.look(wanted).elsewhere == {wanted.anchors[0].name: f"{machine.root}/anchors/link.crt"}
    # in the folder but not in the bundle: the host doesn't trust it
    (machine.root / "bundle.pem").write_text("")
    assert machine.look(wanted).elsewhere == {}


def test_files_of_others_and_of_other_sites(machine: System, wanted: DesiredTrust) -> None:
    folder = machine.root / "etc/containerd/certs.d"
    for name, text in {"docker.io": "# mine\n", "odd name": "", "registry.example.com": "# anchorline blue\n"}.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "hosts.toml").write_text(text)
    (folder / "bl\\ack").mkdir()
    (folder / "bl\\ack" / "hosts.toml").write_text("# anchorline blue-east\n")
    (machine.root / "anchors" / f"anchorline-blue-east-{'1' * 12}.crt").write_text("x")
    seen = machine.look(wanted)
    at = f"{machine.root}/etc/containerd/certs.d"
    assert seen.foreign == {f"{at}/docker.io/hosts.toml", f"{at}/odd name/hosts.toml", f"{at}/bl\\ack/hosts.toml"}
    assert set(seen.files) == {f"{at}/registry.example.com/hosts.toml"}
    assert set(machine.look(wanted, "blue-east").files) == {
        f"{at}/bl\\ack/hosts.toml",
        f"{machine.root}/anchors/anchorline-blue-east-{'1' * 12}.crt",
    }


@pytest.mark.parametrize(
    ("tools", "namespaces", "used"),
    [
        ({"ctr"}, "", True),
        ({"ctr", "dockerd"}, "", False),
        ({"ctr", "dockerd"}, "moby", False),
        ({"ctr", "dockerd"}, "moby plugins.moby anchorline", False),
        ({"ctr", "dockerd"}, "moby k8s.io", True),
        ({"dockerd"}, "k8s.io", False),
    ],
)
def test_a_containerd_that_only_serves_docker(
    plays: Plays, wanted: DesiredTrust, tools: set[str], namespaces: str, used: bool
) -> None:
    machine = short_paths(plays, ["sh"])
    # nothing of this machine's own
    if {"ctr", "dockerd"} & {tool for tool in ("ctr", "dockerd") if shutil.which(tool)}:
        lacking("this machine has a container runtime of its own")
    with machine.containerd():
        for tool in tools:
            machine.tool(tool, f"printf '%s\\n' {namespaces}" if namespaces else "")
        assert ("containerd" in machine.look(wanted).runtimes) == used
    (machine.root / "run/containerd/containerd.sock").unlink()
    assert "containerd" not in machine.look(wanted).runtimes, "nothing listens"


def test_a_host_without_anything(machine: System, wanted: DesiredTrust) -> None:
    for name in ("etc/os-release", "etc/hosts", "update"):
        (machine.root / name).unlink()
    seen = machine.look(wanted)
    assert (seen.os_ids, seen.family, seen.files, seen.marker) == ((), None, {}, ())
    assert "no ID in /etc/os-release" in str(difference(seen, wanted).problem)


def test_the_scripts_are_short_arguments(many: DesiredTrust) -> None:
    everything = join(
        {
            name: Question(
                script(*sources, anchors=[f"/usr/local/share/ca-certificates/{each.name}" for each in many.anchors])
            )
            for name, sources in {
                "trust": TrustProbe.sources,
                "registry": InstanceProbe.sources,
            }.items()
        },
        "frame",
        60,
    )[0]
    registry = script(*Apply.sources, create=distribution.instance("blue", Registry(mode="local")).create)
    apply = script(
        *ApplyTrust.sources,
        anchors=[f"/usr/local/share/ca-certificates/{each.name}" for each in many.anchors],
    )
    for text in (everything, registry, apply, script(*RoundTrip.sources)):
        # sudo and sh -c quote it once more: each quote becomes five characters
        assert len(text.replace("'", "'\"'\"'")) < ARGUMENT / 3
