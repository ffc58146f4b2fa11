"""stale.sh, run here by several shells over a folder that plays /proc."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from anchorline.fleet import words
from anchorline.fleet.scripts import script
from anchorline.trust.processes.stale import Process, read

from .folder import Folder
from .site import LOOK, Site

BOOT = "11111111-2222-3333-4444-555555555555"
SSL = "7f00-7f10 r--p 0000 00:1d 11    /usr/lib/x86_64-linux-gnu/libssl.so.3"


class Proc(Folder):
    """A folder with a host's /proc."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for folder in ("proc/self", "proc/sys/kernel/random", "host", "image", "state", "hashes", "programs"):
            (self.root / folder).mkdir(parents=True)
        self.boot(BOOT)
        self.at(500)
        self.has(1, start=1, name="systemd")

    def boot(self, identity: str) -> None:
        (self.root / "proc/sys/kernel/random/boot_id").write_text(f"{identity}\n")

    def at(self, ticks: int) -> None:
        """What the clock says now."""
        (self.root / "proc/self/stat").write_text(stat("awk", ticks))

    def has(
        self,
        pid: int,
        *,
        start: int,
        name: str = "thing",
        maps: str = "",
        inside: str = "host",
        comm: str = "",
        content: bytes = b"\x7fELF",
        cgroup: str = "",
    ) -> None:
        here = self.root / "proc" / str(pid)
        here.mkdir()
        program = self.root / "programs" / name
        program.write_bytes(content)
        (here / "stat").write_text(stat(comm or name, start))
        (here / "maps").write_text(f"5500-5600 r--p 0000 00:1d 7    /usr/bin/{name}\n{maps}\n")
        (here / "cgroup").write_text(f"3:cpu:/\n0::{cgroup or f'/system.slice/{name}.service'}\n")
        (here / "root").symlink_to(self.root / inside)
        (here / "exe").symlink_to(program)

    def sh(self, text: str) -> list[tuple[str, ...]]:
        stale = script(
            "trust/processes/stale.sh",
            proc=f"{self.root}/proc",
            stamps=f"{self.root}/state",
            hashed=[f"{self.root}/none", f"{self.root}/hashes"],
        )
        return words.read(self.says(stale + text).splitlines()).get("stale", [])

    def stale(self) -> dict[int, Process]:
        return {each.pid: each for each in read(self.sh("stale"))}

    @property
    def stamps(self) -> list[str]:
        return (self.root / "state/changed").read_text().splitlines()


def stat(comm: str, start: int, memory: int = 4096) -> str:
    return f"7 ({comm}) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 {start} {memory} 9\n"


@pytest.fixture
def proc(shell: list[str], tmp_path: Path) -> Proc:
    return Proc(tmp_path, shell)


def test_without_a_stamp_nothing_is_scanned(proc: Proc) -> None:
    proc.has(10, start=2, maps=SSL)
    (proc.root / "hashes/0a.0").touch()
    assert proc.sh("stale") == []


def test_stamps_one_of_each_kind(proc: Proc) -> None:
    proc.sh("stamp add aa bb")
    assert proc.stamps == [f"add {BOOT} 500 aa bb"]
    proc.at(600)
    proc.sh("stamp remove cc")
    proc.at(700)
    proc.sh("stamp add dd")
    assert proc.stamps == [f"remove {BOOT} 600 cc", f"add {BOOT} 700 dd"]
    proc.boot("another")
    proc.sh("stamp add ee")
    assert proc.stamps == ["add another 700 ee"]


def test_who_began_before_the_change(proc: Proc) -> None:
    for pid, start in {10: 499, 11: 500, 12: 501}.items():
        proc.has(pid, start=start, maps="c000000000-c000400000 rw-p 0000 00:00 0")
    proc.sh("stamp add aa")
    assert set(proc.stale()) == {10}
    proc.boot("another")
    assert proc.sh("stale") == []


def test_an_addition_and_a_removal(proc: Proc) -> None:
    go = "c000000000-c000400000 rw-p 0000 00:00 0"
    for pid, start, maps in ((10, 100, go), (11, 100, SSL), (12, 550, go), (13, 550, SSL), (14, 650, go)):
        proc.has(pid, start=start, maps=maps)
    proc.sh("stamp remove aa")
    proc.at(600)
    proc.sh("stamp add bb")
    assert {pid: each.change for pid, each in proc.stale().items()} == {
        10: "remove",
        11: "remove",
        12: "add",
        13: "add",
    }
    (proc.root / "hashes/0a.0").touch()
    assert set(proc.stale()) == {10, 11, 12}, "OpenSSL finds an addition by its hash"


@pytest.mark.parametrize(
    ("stack", "maps"),
    [
        ("go", "c000000000-c000400000 rw-p 00000000 00:00 0"),
        ("go", "4000000000-4000400000 rw-p 00000000 00:00 0"),
        ("openssl", SSL),
        ("openssl", "7f00-7f10 r--p 0000 00:1d 11  /usr/lib/python3.13/_ssl.cpython-313-x86_64-linux-gnu.so"),
        ("openssl", "7f00-7f10 r--p 0000 00:1d 11  /usr/lib/libcurl.so.4 (deleted)"),
        ("gnutls", f"{SSL}\n7f00-7f10 r--p 0000 00:1d 11  /usr/lib/libgnutls.so.30"),
        ("nss", "7f00-7f10 r--p 0000 00:1d 11  /usr/lib/firefox esr/libnss3.so"),
        ("mbedtls", "7f00-7f10 r--p 0000 00:1d 11  /usr/lib/libmbedtls.so.14"),
        ("jvm", f"{SSL}\n7f00-7f10 r--p 0000 00:1d 11  /usr/lib/jvm/lib/server/libjvm.so"),
        ("", "7f00-7f10 r--p 0000 00:1d 11  /usr/lib/libcrypto.so.3"),
        ("", "7f00-7f10 r--p 0000 00:1d 11  /usr/lib/libc.so.6"),
    ],
)
def test_stacks(proc: Proc, stack: str, maps: str) -> None:
    proc.has(10, start=2, maps=maps)
    proc.sh("stamp remove aa")
    assert [each.stack for each in proc.stale().values()] == ([stack] if stack else [])


def test_go_is_told_by_its_file_once_for_all_who_run_it(proc: Proc) -> None:
    go = b"\x7fELF\0\0\n\xff Go buildinf:\x08\0"
    proc.has(10, start=2, name="static", content=go)
    proc.has(11, start=3, name="static", content=go)
    # such as with a FIPS module: its certificates are Go's all the same
    proc.has(12, start=3, name="with-openssl", content=go, maps=SSL)
    proc.has(13, start=3, name="node", maps=SSL)
    proc.sh("stamp add aa")
    assert {pid: each.stack for pid, each in proc.stale().items()} == {10: "go", 11: "go", 12: "go", 13: "node"}


def test_a_heap_below_the_program(proc: Proc) -> None:
    """A program that may lie anywhere lies above Go's heap, and its name comes second."""
    proc.has(10, start=2, name="dockerd")
    maps = proc.root / "proc/10/maps"
    maps.write_text(f"c000000000-c000400000 rw-p 0000 00:00 0\n{maps.read_text()}{SSL}\n")
    proc.sh("stamp add aa")
    assert [(each.name, each.stack) for each in proc.stale().values()] == [("dockerd", "go")]


def test_a_service_with_a_mount_namespace_of_its_own_is_no_container(proc: Proc) -> None:
    inside = f"/system.slice/docker-{'ab' * 32}.scope"
    proc.has(10, start=2, maps=SSL, name="private-tmp")
    proc.has(11, start=2, maps=SSL, name="app", inside="image", cgroup=inside)
    proc.sh("stamp remove aa")
    found = proc.stale()
    assert {pid: each.place for pid, each in found.items()} == {10: "host", 11: "container"}
    assert found[11].container == "app abababababab"


@pytest.mark.parametrize("comm", ["a) S 1 2 3", "two\nlines) R", "x y", "("])
def test_odd_names(proc: Proc, comm: str) -> None:
    proc.has(10, start=2, comm=comm, maps=SSL, name="an odd name", cgroup="/a b/an odd.service")
    proc.has(11, start=600, comm=comm, maps=SSL)
    proc.sh("stamp remove aa")
    assert [(each.pid, each.name, each.unit) for each in proc.stale().values()] == [
        (10, "an odd name", "an_odd.service")
    ]


def test_what_is_no_process_of_ours_to_judge(proc: Proc) -> None:
    proc.has(10, start=2, maps=SSL)
    (proc.root / "proc/10/stat").write_text(stat("kworker/0:1", 2, memory=0))
    proc.has(11, start=2, maps=SSL)
    shutil.rmtree(proc.root / "proc/11")  # it ended meanwhile
    (proc.root / "proc/11").mkdir()
    proc.has(12, start=2, maps=SSL)
    (proc.root / "proc/12/root").unlink()  # and this one after its start was read
    proc.sh("stamp remove aa")
    assert proc.sh("stale") == []


def test_a_damaged_stamp_is_none(proc: Proc) -> None:
    proc.has(10, start=2, maps=SSL)
    for text in ("", "add\n", f"add {BOOT}\n", f"add {BOOT} \n", f"rubbish {BOOT} 600 aa\n"):
        (proc.root / "state/changed").write_text(text)
        assert proc.sh("stale") == []


def test_the_summary_names_them(tmp_path: Path) -> None:
    """From the probe where nothing is to be done, and from the change itself where something is."""
    site = Site.make(tmp_path)
    line = "stale 7 add host go /system.slice/docker.service dockerd"
    site.settled("registry", "a")
    said = site.answers["a"][LOOK]["stdout"]
    site.answers["a"][LOOK]["stdout"] = ["=== trust", line, *said[1:]]
    ran = site.deploy()
    assert ran.code == 0, ran.said
    assert "1 process with the old roots: docker.service (systemctl restart docker; pulls" in ran.summary("a")
    assert "old roots" not in ran.summary("registry")
    assert ran.counts["a"] == 1

    site.new("b")
    site.answers["b"]["system store"] = {"stdout": [line]}
    ran = site.deploy()
    assert ran.code == 0, ran.said
    assert "1 process with the old roots: docker.service" in ran.summary("b")
