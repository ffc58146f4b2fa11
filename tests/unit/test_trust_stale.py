from __future__ import annotations

import pytest

from anchorline.trust.processes.stale import FIRST, Process, exempt, message, read

SYSTEM = "/system.slice/"


def process(name: str = "app", *, stack: str = "go", change: str = "add", cgroup: str = "", pid: int = 7) -> Process:
    return Process(pid, change, "host", stack, cgroup or f"{SYSTEM}{name}.service", name)


def said(*lines: str) -> list[tuple[str, ...]]:
    """The words of these lines, as words.py reads them."""
    return [tuple(line.split()) for line in lines]


@pytest.mark.parametrize("hashed", [True, False])
@pytest.mark.parametrize("change", ["add", "remove"])
@pytest.mark.parametrize("stack", ["go", "jvm", "node", "gnutls", "nss", "mbedtls", "openssl"])
def test_who_has_to_be_restarted(stack: str, change: str, hashed: bool) -> None:
    listed = bool(read(said(f"7 {change} host {stack} /system.slice/app.service app", *(["hashed"] if hashed else []))))
    assert listed == (stack != "openssl" or change == "remove" or not hashed)


@pytest.mark.parametrize(
    "name",
    ["sshd", "sshd-session", "systemd", "systemd-resolved", "(sd-pam)", "containerd-shim-runc-v2", "docker-proxy"],
)
def test_who_verifies_nobody(name: str) -> None:
    assert read(said(f"7 remove host openssl /system.slice/x.service {name}")) == ()


@pytest.mark.parametrize("name", ["my-registry", "suse-connect", "consul", "pause-resume"])
def test_a_name_that_only_begins_alike_is_listed(name: str) -> None:
    assert read(said(f"7 remove host go /system.slice/x.service {name}"))


def test_the_important_ones_come_first() -> None:
    names = ["app", *reversed(FIRST), "zebra"]
    found = read(said(*(f"{n} add host go /system.slice/{name}.service {name}" for n, name in enumerate(names))))
    assert [each.name for each in found] == [*FIRST, "app", "zebra"]


@pytest.mark.parametrize(
    ("cgroup", "unit", "command"),
    [
        ("/system.slice/docker.service", "docker.service", "systemctl restart docker"),
        ("/machine.slice/x/system.slice/k3s.service/init", "k3s.service", "systemctl restart k3s"),
        ("/system.slice/system-app.slice/app@1.service", "app@1.service", "systemctl restart app@1"),
        ("/system.slice/a;b.service", "a;b.service", "systemctl restart 'a;b'"),
        ("/openrc.docker", "docker", "rc-service docker restart"),
        ("/user.slice/user-0.slice/session-3.scope", "app (7)", ""),
        ("/user.slice/user-1.slice/user@1.service/app.slice/x.service", "app (7)", ""),
        ("/", "app (7)", ""),
    ],
)
def test_units_and_what_refreshes_them(cgroup: str, unit: str, command: str) -> None:
    found = process(cgroup=cgroup)
    assert (found.unit, found.command) == (unit, command)


def test_what_the_summary_says() -> None:
    docker, containerd = process("dockerd", cgroup=f"{SYSTEM}docker.service"), process("containerd")
    assert list(message([docker, containerd], ["docker"])) == [
        "2 processes with the old roots: docker.service (systemctl restart docker; pulls from our registry go on "
        "without), containerd.service (systemctl restart containerd)"
    ]
    assert list(message([docker], [])) == ["1 process with the old roots: docker.service (systemctl restart docker)"]
    assert list(message([], ["docker"])) == []


@pytest.mark.parametrize(
    ("tools", "stores"),
    [
        ({"docker", "curl"}, {"docker", "containerd"}),
        ({"docker", "containerd"}, {"docker", "containerd"}),
        ({"containerd"}, {"containerd"}),
        ({"podman"}, {"podman"}),
        ({"curl"}, set()),
    ],
)
def test_who_pulls_whatever_roots_it_holds(tools: set[str], stores: set[str]) -> None:
    assert exempt(["system", "docker", "podman", "containerd"], tools) == stores
    assert exempt(["system"], tools) == set(), "a store that isn't kept spares nobody"


def test_workers_of_one_unit_and_many_units() -> None:
    [note] = message([process(f"app{number}", pid=number) for number in (1, 2, 3, 4, 5)], [])
    assert note.endswith("app3.service (systemctl restart app3), and 2 more")
    [note] = message([process(pid=number) for number in (1, 2)], [])
    assert note == "2 processes with the old roots: app.service (systemctl restart app)"


def test_removals_and_containers_stand_apart() -> None:
    identity = "0123456789ab" + "c" * 52
    inside = [
        Process(pid, "add", "container", "go", f"/system.slice/docker-{identity}.scope", "proxy") for pid in (8, 9)
    ]
    notes = list(message([process("old", change="remove"), process("new"), *inside], []))
    assert notes == [
        "1 process with a root that was removed: old.service (systemctl restart old)",
        "1 process with the old roots: new.service (systemctl restart new)",
        "1 container with other roots, which an image or a volume must give: proxy 0123456789ab",
    ]


def test_what_a_host_says_cannot_reach_the_terminal() -> None:
    [found] = read(said("7 add host go /system.slice/\x1b[31m.service a\x1bpp"))
    assert (found.unit, found.name) == ("?[31m.service", "a?pp")


@pytest.mark.parametrize("line", ["", "7", "x add host go / app"])
def test_an_answer_that_it_cannot_have_given(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(said(line))
