"""The scripts that go to hosts, run here by several shells over a folder that plays the host's root."""

from __future__ import annotations

import shutil
import stat
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from anchorline.authority import Anchor, Staged, stage
from anchorline.fleet.probe import Question
from anchorline.fleet.scripts import File, script, stdin
from anchorline.fleet.wire import join
from anchorline.registry import distribution
from anchorline.registry.scripts import Apply, InstanceProbe
from anchorline.spec import load
from anchorline.spec.model import Registry
from anchorline.trust import observed
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.plan import difference
from anchorline.trust.scripts import ApplyTrust, TrustProbe
from anchorline.trust.stores.families import FAMILIES
from anchorline.verify.scripts import RoundTrip
from tests.unit.tools import lacking

from .folder import Plays, System

ARGUMENT = 128 * 1024
"""Linux takes no longer argument than this (MAX_ARG_STRLEN), and a script travels as one, quoted once more."""

SPEC = """
version: 1
site: blue
authority: {CN: Blue CA}
signing: {default: {expiry: 8760h, usages: [signing, server auth]}}
certificates: {server: {CN: registry.example.com, hosts: [registry.example.com]}}
registry: {address: registry.example.com, hosts_entry: 192.0.2.10, certificate: server}
"""
# Debian's row with shorter paths, so that a test can name them
ROW = replace(
    FAMILIES[0],
    folder="/anchors",
    update="/update",
    repair="/update",
    bundle="/bundle.pem",
    sources=("/anchors", "/vendor"),
    hashed="/links",
)
# as Debian's: the bundle is made of the folder's *.crt
UPDATE = 'cat "$ROOT"/anchors/*.crt >"$ROOT/bundle.pem"'


@pytest.fixture(scope="module")
def blue(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    file = tmp_path_factory.mktemp("blue") / "anchorline.yml"
    file.write_text(SPEC)
    return stage(load(file))


@pytest.fixture(scope="module")
def wanted(blue: Staged, tmp_path_factory: pytest.TempPathFactory) -> DesiredTrust:
    file = tmp_path_factory.mktemp("blue") / "anchorline.yml"
    file.write_text(SPEC)
    return DesiredTrust.of(load(file), blue)


def short_paths(plays: Plays, shell: list[str]) -> System:
    machine = plays(ROW, shell)
    (machine.root / "vendor").mkdir()
    machine.release('NAME="A test"\nID=testing\nID_LIKE="debian something"\n')
    machine.hosts.write_text("127.0.0.1 localhost")  # no newline at its end
    machine.updates(UPDATE)
    machine.tool("openssl")  # this machine's own doesn't know of the folder's bundle
    return machine


@pytest.fixture
def machine(plays: Plays, shell: list[str]) -> System:
    return short_paths(plays, shell)


def anchors(machine: System, wanted: DesiredTrust) -> list[File]:
    return [File(machine.moved.path(anchor.name), anchor.pem) for anchor in wanted.anchors]


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


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_half_of_standard_input_places_nothing(machine: System, wanted: DesiredTrust, share: float) -> None:
    data = stdin(anchors(machine, wanted))
    done = machine.apply(wanted, [], data=data[: int(len(data) * share)])
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == "the connection broke before all files had come; nothing was changed"
    assert list((machine.root / "anchors").iterdir()) == []
    assert not (machine.root / "bundle.pem").exists()


def test_a_full_disk_places_nothing(machine: System, wanted: DesiredTrust) -> None:
    files = [*anchors(machine, wanted), File(f"{machine.root}/anchors/large.crt", "x" * 63 + "\n" + "y\n" * 4000)]
    # no file beyond two blocks, of 512 or of 1,024 bytes: an anchor fits, the second file doesn't
    done = machine.apply(wanted, files, before="trap '' XFSZ; ulimit -f 2\n")
    assert done.returncode != 0
    assert f"can't write {machine.root}/anchors/large.crt" in done.stderr.splitlines()[-1]
    assert list((machine.root / "anchors").iterdir()) == []
    assert machine.apply(wanted, files).returncode == 0, "with room it works"


def test_a_folder_of_runtimes_that_is_a_file_places_nothing(machine: System, wanted: DesiredTrust) -> None:
    in_the_way = machine.root / "etc/docker/certs.d"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("a file\n")
    done = machine.apply(wanted, [*anchors(machine, wanted), File(f"{in_the_way}/registry.example.com/x.crt", "x\n")])
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == f"can't make the folder {in_the_way}/registry.example.com"
    assert list((machine.root / "anchors").iterdir()) == []
    assert in_the_way.read_text() == "a file\n"


def test_a_full_disk_leaves_the_hosts_file_as_it_was(machine: System, wanted: DesiredTrust) -> None:
    before = "".join(f"192.0.2.{number} host-{number}\n" for number in range(250))
    machine.hosts.write_text(before)
    line = {"hosts_line": "192.0.2.10 registry.example.com", "update": ""}
    done = machine.apply(wanted, [], before="trap '' XFSZ; ulimit -f 2\n", **line)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == f"can't write {machine.hosts}"
    assert machine.hosts.read_text() == before
    assert machine.left() == []
    assert machine.apply(wanted, [], **line).returncode == 0
    assert machine.hosts.read_text() == before + "192.0.2.10 registry.example.com # anchorline blue\n"


def test_the_hosts_file_keeps_what_is_in_it(machine: System, wanted: DesiredTrust) -> None:
    target = machine.hosts.with_name("hosts.real")
    others = "# anchorline blue-east is another site\n::1 localhost\n192.0.2.9 x # anchorline blue-east\n\n  \t# end\n"
    target.write_text(others + "192.0.2.1 old # anchorline blue\n")
    target.chmod(0o640)
    machine.hosts.unlink()
    machine.hosts.symlink_to("hosts.real")
    for line in ("192.0.2.10 registry.example.com", "192.0.2.11 registry.example.com"):
        assert machine.apply(wanted, [], hosts_line=line, update="").returncode == 0
        assert target.read_text() == f"{others}{line} # anchorline blue\n"
    assert machine.hosts.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_hosts_file_whose_last_line_is_ours_and_has_no_end(machine: System, wanted: DesiredTrust) -> None:
    machine.hosts.write_text(f"127.0.0.1 localhost\n{wanted.hosts_line} # anchorline blue")
    assert machine.look(wanted).hosts_line == f"{wanted.hosts_line} # anchorline blue"


def test_what_an_update_makes_is_for_everybody(machine: System, wanted: DesiredTrust) -> None:
    assert machine.apply(wanted, anchors(machine, wanted), before="umask 077\n").returncode == 0
    assert stat.S_IMODE((machine.root / "bundle.pem").stat().st_mode) == 0o644


def test_a_file_of_others_that_is_a_link_stays_one(machine: System, wanted: DesiredTrust) -> None:
    (machine.root / "real").mkdir()
    real, link = machine.root / "real/config.toml", machine.root / "config.toml"
    real.write_text("theirs\n")
    link.symlink_to("real/config.toml")
    unchanged = f"{sha256(real.read_bytes()).hexdigest()} {link}"
    files = [*anchors(machine, wanted), File(str(link), "theirs\nours\n")]
    done = machine.apply(wanted, files, merged=str(link), unchanged=unchanged)
    assert (done.returncode, done.stderr) == (0, "")
    assert link.is_symlink()
    assert real.read_text() == "theirs\nours\n"
    assert (machine.root / "config.toml.anchorline-backup").read_text() == "theirs\n"
    assert machine.left() == []


@pytest.mark.parametrize("alike", [True, False])
def test_two_ways_to_one_file(machine: System, wanted: DesiredTrust, alike: bool) -> None:
    """A file and a link to it are written once where both say the same, and not at all where they don't."""
    real, link = machine.root / "k3s.yaml", machine.root / "rke2.yaml"
    real.write_text("theirs\n")
    link.symlink_to(real.name)
    digest = sha256(real.read_bytes()).hexdigest()
    files = [File(str(real), "ours\n"), File(str(link), "ours\n" if alike else "others\n")]
    both = {"merged": f"{real}\n{link}", "unchanged": f"{digest} {real}\n{digest} {link}"}
    done = machine.apply(wanted, [*anchors(machine, wanted), *files], **both)
    assert done.returncode == (0 if alike else 1)
    assert real.read_text() == ("ours\n" if alike else "theirs\n")
    assert link.is_symlink()
    assert machine.left() == []


def test_a_host_without_a_hosts_file_gets_one(machine: System, wanted: DesiredTrust) -> None:
    machine.hosts.unlink()
    assert machine.apply(wanted, [], hosts_line="192.0.2.10 registry.example.com", update="").returncode == 0
    assert machine.look(wanted).hosts_line == "192.0.2.10 registry.example.com # anchorline blue"


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ("exit 0\n", "/bundle.pem doesn't hold "),
        (": >$ROOT/bundle.pem\n", "/bundle.pem doesn't hold "),
        # the text is there, and yet no certificate that one could read
        ('grep -hv -e ----- "$ROOT"/anchors/*.crt >"$ROOT/bundle.pem"\n', "/bundle.pem doesn't hold "),
        ("echo first; echo the disk is full >&2; exit 1\n", "/update: the disk is full"),
    ],
    ids=["does nothing", "empties the bundle", "drops the markers", "says no"],
)
def test_an_update_that_does_not_do_it_fails_the_host(
    machine: System, wanted: DesiredTrust, update: str, said: str
) -> None:
    machine.updates(update)
    done = machine.apply(wanted, anchors(machine, wanted))
    assert done.returncode != 0
    assert said in done.stderr.splitlines()[-1]


def test_openssl_has_a_say(machine: System, wanted: DesiredTrust) -> None:
    machine.tool("openssl", "echo CN=Blue CA; echo error 9 at 0 depth lookup: certificate is not yet valid; exit 2")
    done = machine.apply(wanted, anchors(machine, wanted))
    assert done.returncode != 0
    assert "openssl doesn't trust" in done.stderr
    assert done.stderr.splitlines()[-1].endswith(": certificate is not yet valid")


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


def test_a_file_in_the_place_of_a_folder(machine: System) -> None:
    (machine.root / "file").write_text("x")
    done = machine.run(
        script("fleet/shell/files.sh") + "receive; place", stdin([File(f"{machine.root}/file/new.crt", "x\n")])
    )
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == f"can't make the folder {machine.root}/file"


def test_every_file_gets_its_content_and_mode(machine: System) -> None:
    content = "one\n\n  two \\n $x `y`\n\t@ three\n" + "ü" * 100 + "\n"
    files = [
        File(f"{machine.root}/new folder/a file", content, "644"),
        File(f"{machine.root}/key", "secret\n", "600"),
    ]
    done = machine.run(script("fleet/shell/files.sh") + "receive; place", stdin(files))
    assert (done.returncode, done.stderr) == (0, "")
    for file in files:
        assert Path(file.path).read_text() == file.content
        assert oct(Path(file.path).stat().st_mode & 0o777) == f"0o{file.mode}"
    assert machine.left() == []


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
        }
    )[0]
    registry = script(*Apply.sources, create=distribution.instance("blue", Registry(mode="local")).create)
    apply = script(
        *ApplyTrust.sources,
        anchors=[f"/usr/local/share/ca-certificates/{each.name}" for each in many.anchors],
    )
    for text in (everything, registry, apply, script(*RoundTrip.sources)):
        # sudo and sh -c quote it once more: each quote becomes five characters
        assert len(text.replace("'", "'\"'\"'")) < ARGUMENT / 4
