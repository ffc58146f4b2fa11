"""The scripts that go to hosts, run here by several shells over a folder that plays the host's root."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import pytest

from anchorline.authority import Anchor, Staged, stage
from anchorline.fleet.probe import Question
from anchorline.fleet.scripts import File, script, stdin
from anchorline.fleet.wire import join, split
from anchorline.registry import distribution
from anchorline.registry.scripts import Apply, InstanceProbe
from anchorline.spec import load
from anchorline.spec.model import Registry
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust, read
from anchorline.trust.plan import difference
from anchorline.trust.scripts import ApplyTrust, Layers, TrustProbe
from anchorline.trust.stores.families import FAMILIES, Family, rows
from anchorline.trust.stores.runtimes import RUNTIMES
from anchorline.verify.scripts import RoundTrip
from tests.unit.tools import lacking

from .site import NOTHING_ELSE

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
# as Debian's: the bundle is made of the folder's *.crt
UPDATE = '#!/bin/sh\ncat "$ROOT"/anchors/*.crt >"$ROOT/bundle.pem"\n'


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


@dataclass
class Machine:
    """A folder as a host's root, and a shell as the host's. Its paths are those of the tables, under the folder."""

    root: Path
    shell: list[str]
    path: str = ""

    def __post_init__(self) -> None:
        for folder in ("anchors", "vendor", "bin", "run"):
            (self.root / folder).mkdir(exist_ok=True)
        (self.root / "os-release").write_text('NAME="A test"\nID=testing\nID_LIKE="debian something"\n')
        (self.root / "hosts").write_text("127.0.0.1 localhost")  # no newline at its end
        self.updates(UPDATE)
        self.tool("openssl")  # this machine's own doesn't know of the folder's bundle

    @property
    def update(self) -> str:
        return f"{self.root}/update"

    @property
    def family(self) -> Family:
        """Debian's row, moved under the folder."""
        here = str(self.root)
        return replace(
            FAMILIES[0],
            folder=f"{here}/anchors",
            update=self.update,
            repair=self.update,
            bundle=f"{here}/bundle.pem",
            sources=(f"{here}/anchors", f"{here}/vendor"),
            hashed=f"{here}/links",
        )

    def updates(self, text: str) -> None:
        (self.root / "update").write_text(text)
        (self.root / "update").chmod(0o755)

    def tool(self, name: str, text: str = "") -> None:
        (self.root / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.root / "bin" / name).chmod(0o755)

    def run(self, text: str, data: str = "", *, before: str = "") -> subprocess.CompletedProcess[str]:
        path = f"{self.root}/bin:{os.environ['PATH']}"
        return subprocess.run(
            [*self.shell, "-c", before + text],
            input=data,
            capture_output=True,
            text=True,
            env={"PATH": path, "ROOT": str(self.root)},
            timeout=60,
        )

    def look(self, wanted: DesiredTrust, site: str = "") -> ObservedTrust:
        """What trust's probe sees, joined and split as in a deploy."""
        here = str(self.root)
        family = self.family
        with patch(
            "anchorline.trust.stores.families.FAMILIES", (family, replace(FAMILIES[0], folder=f"{here}/nowhere"))
        ):
            families = rows()
        question = Question(
            script(
                *TrustProbe.sources,
                **TrustProbe.of(site or wanted.site, (), wanted.anchors).values()
                | {
                    "proc": f"{here}/proc",
                    "state": f"{here}/state",
                    "sites": f"{here}/sites",
                    "release": f"{here}/os-release",
                    "hosts": f"{here}/hosts",
                    "families": families,
                    "runtimes": [
                        f"{runtime.name} {here}{runtime.folder} {','.join(runtime.used)} "
                        f"{f'{here}/run/socket' if runtime.socket else '-'}"
                        for runtime in RUNTIMES.values()
                        if runtime.name == runtime.kept_as
                    ],
                    **NOTHING_ELSE,
                },
            ),
            [f"anchor {anchor.name} {''.join(anchor.pem.splitlines()[1:-1])}" for anchor in wanted.anchors],
        )
        text, data = join({"trust": question})
        said = self.run(text, data)
        assert said.returncode == 0, said.stderr
        seen = read(split(said.stdout.splitlines())["trust"], site or wanted.site)
        return replace(
            seen,
            family=family if seen.family else None,
            folders=tuple((name, path.removeprefix(here)) for name, path in seen.folders),
            files={path.removeprefix(here) if "certs.d" in path else path: seen.files[path] for path in seen.files},
            foreign=frozenset(path.removeprefix(here) for path in seen.foreign),
        )

    def apply(
        self, wanted: DesiredTrust, files: Sequence[File], *, data: str | None = None, before: str = "", **values: str
    ) -> subprocess.CompletedProcess[str]:
        """Run trust's script with these files."""
        given = {
            "site": wanted.site,
            "update": self.update,
            **Layers.of(self.family).values(),
            "lock": f"{self.root}/lock",
            "state": f"{self.root}/state",
            "folders": "",
            "anchors": "\n".join(f"{self.root}/anchors/{anchor.name}" for anchor in wanted.anchors),
            "hosts": f"{self.root}/hosts",
            "hosts_line": "",
            "proc": f"{self.root}/proc",
            "stamps": f"{self.root}/stamps",
            "digests": " ".join(anchor.sha256 for anchor in wanted.anchors),
            "hashed": "",
            "summary": "a test",
            **dict.fromkeys(("merged", "unchanged", "tasks", "pems", "nicknames"), ""),
        }
        text = script(*ApplyTrust.sources, **given | values)
        return self.run(text, stdin(files) if data is None else data, before=before)

    def moved(self, files: Sequence[File]) -> list[File]:
        """The files of a difference, under the folder."""
        here = str(self.root)
        return [
            File(f"{here}/state/anchors", file.content)
            if file.path.endswith("/blue/anchors")
            else file
            if file.path.startswith(here)
            else File(here + file.path, file.content)
            for file in files
        ]

    def anchors(self, wanted: DesiredTrust) -> list[File]:
        return [File(f"{self.root}/anchors/{anchor.name}", anchor.pem) for anchor in wanted.anchors]

    def left(self) -> list[str]:
        """What a script has left half done."""
        return [str(path) for path in self.root.rglob("*.anchorline-new")]


@pytest.fixture
def machine(tmp_path: Path, shell: list[str]) -> Machine:
    return Machine(tmp_path, shell)


def test_look_apply_look(machine: Machine, wanted: DesiredTrust) -> None:
    """The whole way: what the first look lacks is applied, and the second look lacks nothing."""
    machine.tool("dockerd")
    machine.tool("podman")
    new = machine.look(wanted)
    assert new.os_ids == ("testing", "debian", "something")
    assert new.family is not None
    assert {"docker", "podman"} <= new.tools
    change = difference(new, wanted)
    assert change.what == ("system store", "docker", "podman", "/etc/hosts")
    done = machine.apply(wanted, machine.moved(change.files), hosts_line=change.hosts_line)
    assert (done.returncode, done.stderr) == (0, "")
    assert not difference(machine.look(wanted), wanted)
    hosts = (machine.root / "hosts").read_text()
    assert hosts == "127.0.0.1 localhost\n192.0.2.10 registry.example.com # anchorline blue\n"
    assert machine.left() == []
    assert (machine.root / "anchors" / wanted.anchors[0].name).stat().st_mode & 0o777 == 0o644


def test_a_removed_file_is_seen_by_the_next_look(machine: Machine, wanted: DesiredTrust) -> None:
    """The control of the test above: the second look isn't blind."""
    assert machine.apply(wanted, machine.anchors(wanted)).returncode == 0
    assert machine.look(wanted).bundled == {wanted.anchors[0].name}
    (machine.root / "bundle.pem").write_text("")
    assert machine.look(wanted).bundled == frozenset()
    (machine.root / "anchors" / wanted.anchors[0].name).write_text("altered")
    change = difference(machine.look(wanted), wanted)
    assert "system store repaired" in change.what


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_half_of_standard_input_places_nothing(machine: Machine, wanted: DesiredTrust, share: float) -> None:
    data = stdin(machine.anchors(wanted))
    done = machine.apply(wanted, [], data=data[: int(len(data) * share)])
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == "the connection broke before all files had come; nothing was changed"
    assert list((machine.root / "anchors").iterdir()) == []
    assert not (machine.root / "bundle.pem").exists()


def test_a_full_disk_places_nothing(machine: Machine, wanted: DesiredTrust) -> None:
    files = [*machine.anchors(wanted), File(f"{machine.root}/anchors/large.crt", "x" * 63 + "\n" + "y\n" * 4000)]
    # no file beyond two blocks, of 512 or of 1,024 bytes: an anchor fits, the second file doesn't
    done = machine.apply(wanted, files, before="trap '' XFSZ; ulimit -f 2\n")
    assert done.returncode != 0
    assert f"can't write {machine.root}/anchors/large.crt" in done.stderr.splitlines()[-1]
    assert list((machine.root / "anchors").iterdir()) == []
    assert machine.apply(wanted, files).returncode == 0, "with room it works"


def test_a_folder_of_runtimes_that_is_a_file_places_nothing(machine: Machine, wanted: DesiredTrust) -> None:
    in_the_way = machine.root / "etc/docker/certs.d"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("a file\n")
    done = machine.apply(wanted, [*machine.anchors(wanted), File(f"{in_the_way}/registry.example.com/x.crt", "x\n")])
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == f"can't make the folder {in_the_way}/registry.example.com"
    assert list((machine.root / "anchors").iterdir()) == []
    assert in_the_way.read_text() == "a file\n"


def test_a_full_disk_leaves_the_hosts_file_as_it_was(machine: Machine, wanted: DesiredTrust) -> None:
    before = "".join(f"192.0.2.{number} host-{number}\n" for number in range(250))
    (machine.root / "hosts").write_text(before)
    line = {"hosts_line": "192.0.2.10 registry.example.com", "update": ""}
    done = machine.apply(wanted, [], before="trap '' XFSZ; ulimit -f 2\n", **line)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == f"can't write {machine.root}/hosts"
    assert (machine.root / "hosts").read_text() == before
    assert machine.left() == []
    assert machine.apply(wanted, [], **line).returncode == 0
    assert (machine.root / "hosts").read_text() == before + "192.0.2.10 registry.example.com # anchorline blue\n"


def test_the_hosts_file_keeps_what_is_in_it(machine: Machine, wanted: DesiredTrust) -> None:
    target = machine.root / "hosts.real"
    others = "# anchorline blue-east is another site\n::1 localhost\n192.0.2.9 x # anchorline blue-east\n\n  \t# end\n"
    target.write_text(others + "192.0.2.1 old # anchorline blue\n")
    target.chmod(0o640)
    (machine.root / "hosts").unlink()
    (machine.root / "hosts").symlink_to("hosts.real")
    for line in ("192.0.2.10 registry.example.com", "192.0.2.11 registry.example.com"):
        assert machine.apply(wanted, [], hosts_line=line, update="").returncode == 0
        assert target.read_text() == f"{others}{line} # anchorline blue\n"
    assert (machine.root / "hosts").is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_hosts_file_whose_last_line_is_ours_and_has_no_end(machine: Machine, wanted: DesiredTrust) -> None:
    (machine.root / "hosts").write_text(f"127.0.0.1 localhost\n{wanted.hosts_line} # anchorline blue")
    assert machine.look(wanted).hosts_line == f"{wanted.hosts_line} # anchorline blue"


def test_what_an_update_makes_is_for_everybody(machine: Machine, wanted: DesiredTrust) -> None:
    assert machine.apply(wanted, machine.anchors(wanted), before="umask 077\n").returncode == 0
    assert stat.S_IMODE((machine.root / "bundle.pem").stat().st_mode) == 0o644


def test_a_file_of_others_that_is_a_link_stays_one(machine: Machine, wanted: DesiredTrust) -> None:
    (machine.root / "real").mkdir()
    real, link = machine.root / "real/config.toml", machine.root / "config.toml"
    real.write_text("theirs\n")
    link.symlink_to("real/config.toml")
    unchanged = f"{sha256(real.read_bytes()).hexdigest()} {link}"
    files = [*machine.anchors(wanted), File(str(link), "theirs\nours\n")]
    done = machine.apply(wanted, files, merged=str(link), unchanged=unchanged)
    assert (done.returncode, done.stderr) == (0, "")
    assert link.is_symlink()
    assert real.read_text() == "theirs\nours\n"
    assert (machine.root / "config.toml.anchorline-backup").read_text() == "theirs\n"
    assert machine.left() == []


@pytest.mark.parametrize("alike", [True, False])
def test_two_ways_to_one_file(machine: Machine, wanted: DesiredTrust, alike: bool) -> None:
    """A file and a link to it are written once where both say the same, and not at all where they don't."""
    real, link = machine.root / "k3s.yaml", machine.root / "rke2.yaml"
    real.write_text("theirs\n")
    link.symlink_to(real.name)
    digest = sha256(real.read_bytes()).hexdigest()
    files = [File(str(real), "ours\n"), File(str(link), "ours\n" if alike else "others\n")]
    both = {"merged": f"{real}\n{link}", "unchanged": f"{digest} {real}\n{digest} {link}"}
    done = machine.apply(wanted, [*machine.anchors(wanted), *files], **both)
    assert done.returncode == (0 if alike else 1)
    assert real.read_text() == ("ours\n" if alike else "theirs\n")
    assert link.is_symlink()
    assert machine.left() == []


def test_a_host_without_a_hosts_file_gets_one(machine: Machine, wanted: DesiredTrust) -> None:
    (machine.root / "hosts").unlink()
    assert machine.apply(wanted, [], hosts_line="192.0.2.10 registry.example.com", update="").returncode == 0
    assert machine.look(wanted).hosts_line == "192.0.2.10 registry.example.com # anchorline blue"


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ("#!/bin/sh\nexit 0\n", "/bundle.pem doesn't hold "),
        ("#!/bin/sh\n: >$ROOT/bundle.pem\n", "/bundle.pem doesn't hold "),
        # the text is there, and yet no certificate that one could read
        ('#!/bin/sh\ngrep -hv -e ----- "$ROOT"/anchors/*.crt >"$ROOT/bundle.pem"\n', "/bundle.pem doesn't hold "),
        ("#!/bin/sh\necho first; echo the disk is full >&2; exit 1\n", "/update: the disk is full"),
    ],
    ids=["does nothing", "empties the bundle", "drops the markers", "says no"],
)
def test_an_update_that_does_not_do_it_fails_the_host(
    machine: Machine, wanted: DesiredTrust, update: str, said: str
) -> None:
    machine.updates(update)
    done = machine.apply(wanted, machine.anchors(wanted))
    assert done.returncode != 0
    assert said in done.stderr.splitlines()[-1]


def test_openssl_has_a_say(machine: Machine, wanted: DesiredTrust) -> None:
    machine.tool("openssl", "echo CN=Blue CA; echo error 9 at 0 depth lookup: certificate is not yet valid; exit 2")
    done = machine.apply(wanted, machine.anchors(wanted))
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
def test_a_bundle_written_in_another_way(machine: Machine, wanted: DesiredTrust, mangle: str) -> None:
    machine.updates(f'#!/bin/sh\ncat "$ROOT"/anchors/*.crt | {mangle} >"$ROOT/bundle.pem"\n')
    assert machine.apply(wanted, machine.anchors(wanted)).returncode == 0
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


def test_many_certificates_and_short_scripts(machine: Machine, many: DesiredTrust) -> None:
    change = difference(machine.look(many), many)
    assert sum("/anchors/" in file.path for file in change.files) == 51
    assert machine.apply(many, machine.moved(change.files), hosts_line=change.hosts_line).returncode == 0
    seen = machine.look(many)
    assert len(seen.bundled) == 51
    assert not difference(seen, many)
    # one of the many that the bundle lacks is found
    machine.updates('#!/bin/sh\nset -- "$ROOT"/anchors/*.crt; shift; cat "$@" >"$ROOT/bundle.pem"\n')
    assert "doesn't hold" in machine.apply(many, machine.anchors(many)).stderr


def test_a_ca_that_is_there_under_odd_names_of_others(machine: Machine, wanted: DesiredTrust) -> None:
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


def test_files_of_others_and_of_other_sites(machine: Machine, wanted: DesiredTrust) -> None:
    folder = machine.root / "etc/containerd/certs.d"
    for name, text in {"docker.io": "# mine\n", "odd name": "", "registry.example.com": "# anchorline blue\n"}.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "hosts.toml").write_text(text)
    (folder / "bl\\ack").mkdir()
    (folder / "bl\\ack" / "hosts.toml").write_text("# anchorline blue-east\n")
    (machine.root / "anchors" / f"anchorline-blue-east-{'1' * 12}.crt").write_text("x")
    seen = machine.look(wanted)
    at = "/etc/containerd/certs.d"
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
    tmp_path: Path, wanted: DesiredTrust, tools: set[str], namespaces: str, used: bool
) -> None:
    import socket

    machine = Machine(tmp_path, ["sh"])
    # nothing of this machine's own
    if {"ctr", "dockerd"} & {tool for tool in ("ctr", "dockerd") if shutil.which(tool)}:
        lacking("this machine has a container runtime of its own")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "run/socket"))
        for tool in tools:
            machine.tool(tool, f"printf '%s\\n' {namespaces}" if namespaces else "")
        assert ("containerd" in machine.look(wanted).runtimes) == used
    (tmp_path / "run/socket").unlink()
    assert "containerd" not in machine.look(wanted).runtimes, "nothing listens"


def test_a_host_without_anything(machine: Machine, wanted: DesiredTrust) -> None:
    for name in ("os-release", "hosts", "update"):
        (machine.root / name).unlink()
    seen = machine.look(wanted)
    assert (seen.os_ids, seen.family, seen.files, seen.marker) == ((), None, {}, ())
    assert "no ID in /etc/os-release" in str(difference(seen, wanted).problem)


def test_a_file_in_the_place_of_a_folder(machine: Machine) -> None:
    (machine.root / "file").write_text("x")
    done = machine.run(
        script("fleet/shell/files.sh") + "receive; place", stdin([File(f"{machine.root}/file/new.crt", "x\n")])
    )
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == f"can't make the folder {machine.root}/file"


def test_every_file_gets_its_content_and_mode(machine: Machine) -> None:
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
