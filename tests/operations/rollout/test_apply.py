"""What a change of trust writes on a host, by several shells: all of it or nothing."""

from __future__ import annotations

import stat
from hashlib import sha256
from pathlib import Path

import pytest

from anchorline.fleet.scripts import File, script, stdin
from anchorline.trust.desired import DesiredTrust
from tests.operations.folder import System
from tests.operations.rollout.short import anchors


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
