"""One host of many lies: what it can stop is refused with who says what, and the way on, which ends it."""

from __future__ import annotations

import re
import shlex
import time

import pytest

from anchorline.authority.generations import rotate

from .site import LOOK, SPEC, Ran, Site

FLEET = ("registry", "a", "b", "c", "liar")
OTHERS = FLEET[:-1]


@pytest.fixture
def honest(site: Site) -> Site:
    """A fleet that has all that it should."""
    site.settled(*FLEET)
    return site


def says(site: Site, host: str, *lines: str, room: str = "trust") -> None:
    """Put lines into what a host says."""
    said = site.answers[host][LOOK]["stdout"]
    if f"=== {room}" not in said:
        said.insert(-1, f"=== {room}")
    at = said.index(f"=== {room}") + 1
    said[at:at] = lines


def refused(site: Site, *arguments: str) -> str:
    """What a run says that is refused before anything is changed."""
    ran = site.deploy(*arguments)
    assert ran.code == 1, ran.said
    assert set(ran.counts.values()) == {1}, "nothing beyond the probe"
    assert "refused, and nothing was changed" in ran.said
    return " ".join(ran.said.split())


def goes_on(site: Site, said: str) -> Ran:
    """The same run with the options that the refusal names."""
    (options,) = set(re.findall(r"the same command with `(--exclude [^`]+)`", said))
    ran = site.deploy(*shlex.split(options))
    assert ran.code == 0, ran.said
    assert "refused" not in ran.said
    return ran


STRANGE = "ab12" * 16


def test_a_ca_that_it_alone_remembers(honest: Site) -> None:
    says(honest, "liar", f"marker ca {STRANGE}")
    said = refused(honest)
    assert (
        f"doesn't know the CA {STRANGE[:12]} that @fake/liar knows as the site's: "
        "1 of 5 hosts, while 5 know one of pki/" in said
    )
    assert "name another `site`" not in said
    assert goes_on(honest, said).counts == dict.fromkeys(OTHERS, 1)


def test_thousands_of_cas_are_one_reason(honest: Site) -> None:
    says(honest, "liar", *(f"marker ca {number:064x}" for number in range(1 << 240, (1 << 240) + 3)))
    says(honest, "liar", *(f"marker ca {number:012x}{'0' * 52}" for number in range(1, 3000)))
    said = refused(honest)
    assert said.count("doesn't know the CA") == 1
    assert len(said) < 4000
    goes_on(honest, said)


def test_most_of_the_hosts_do_not_lie(honest: Site) -> None:
    for host in FLEET[1:]:
        says(honest, host, f"marker ca {STRANGE}")
    said = refused(honest)
    assert "4 of 5 hosts" in said
    assert "bring back the pki/ that made it" in said
    assert "--exclude" not in said


def test_hosts_of_which_each_remembers_another_are_counted(site: Site) -> None:
    hosts = [f"h{number:02}" for number in range(30)]
    site.settled("registry", *hosts)
    for number, host in enumerate(hosts):
        says(site, host, f"marker ca {number + 16:012x}{'0' * 52}")
    said = refused(site)
    assert said.count("doesn't know the CA") == 20
    assert "10 more reasons" in said


def test_it_says_that_it_is_another_machine(honest: Site) -> None:
    for host in ("a", "liar"):
        says(honest, host, "boot", "mnt:[1]", "2 /", room="machine")
    said = refused(honest)
    assert "@fake/a and @fake/liar are one machine; leave one of the names in the inventory" in said
    goes_on(honest, said)
    assert honest.deploy("--exclude", "@fake/liar").code == 0, "or the other one"


def test_the_registrys_host_serves_what_pki_does_not_know(honest: Site) -> None:
    lines = honest.answers["registry"][LOOK]["stdout"]
    lines[:] = [f"health ok {'cd' * 32}" if line.startswith("health") else line for line in lines]
    said = refused(honest)
    assert "@fake/registry serves a certificate (cdcdcdcdcdcd)" in said
    assert goes_on(honest, said).counts == dict.fromkeys(FLEET[1:], 1)


def test_the_registrys_host_says_that_its_port_is_taken(honest: Site) -> None:
    lines = honest.answers["registry"][LOOK]["stdout"]
    lines[:] = [f"port {'x' * 100_000}\x1b[2J" if line.startswith("port") else line for line in lines]
    said = refused(honest)
    assert "@fake/registry: port 443 is taken by xxx" in said
    assert "\x1b" not in said
    assert len(said) < 4000
    goes_on(honest, said)


def test_the_registrys_host_hangs(honest: Site) -> None:
    honest.answers["registry"] = {LOOK: {"hangs": True}}
    said = refused(honest)
    assert "the registry's host @fake/registry doesn't answer" in said
    goes_on(honest, said)


@pytest.mark.parametrize("hosts", [("a",), ("a", "b")], ids=["the only one", "two of three"])
def test_clocks(site: Site, hosts: tuple[str, ...]) -> None:
    """Where certificates are due, most of the clocks count; who must issue in spite of them can."""
    rest = {"a", "b", "registry"} - {*hosts} if len(hosts) > 1 else set()
    site.write(SPEC.partition("registry:")[0])
    site.new(*hosts, *rest)
    for host in hosts:
        says(site, host, f"{time.time() + 7200:.0f}", room="clock")
    for host in rest:
        says(site, host, f"{time.time():.0f}", room="clock")
    said = refused(site)
    names = ", ".join(f"@fake/{host}" for host in hosts)
    assert f"that of {len(hosts)} of {len(hosts) + len(rest)} hosts ({names})" in said
    if rest:
        goes_on(site, said)
    else:
        assert "`anchorline pki issue`, then a deploy" in said
        site.settled(*hosts)  # what that command makes
        says(site, "a", f"{time.time() + 7200:.0f}", room="clock")
        assert site.deploy().code == 0


def test_it_never_comes_to_trust_the_next_ca(site: Site) -> None:
    staged = site.commit()
    rotate(site.spec).commit()
    site.settled(*OTHERS)
    site.says("liar", stdout=["=== trust", "os plan9", "=== verify", "=== end"])
    blocked = site.deploy()
    assert blocked.code == 1
    said = " ".join(blocked.err.split())
    assert f"rotation: blocked, 1 of {len(FLEET)} hosts not seen to trust" in said
    (waived,) = {*re.findall(r"`(rotation: \{without: \[[^`]+\]\})` in the spec", said)}
    site.write(SPEC + waived + "\n")
    assert not (site.pki / "blue/previous/ca.pem").exists()
    assert staged.ca is not None
    site.deploy()
    assert (site.pki / "blue/previous/ca.pem").exists()


def test_a_servers_words_before_anybody_logged_in(honest: Site) -> None:
    """As paramiko tells them, and pyinfra's own log."""
    why = f'Indecipherable protocol version "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e{"x" * 100_000}"'
    honest.answers["liar"] = {"down": why}
    ran = honest.deploy()
    assert ran.code == 1
    assert "Indecipherable protocol version" in ran.err
    assert not [each for each in "\x1b\x07\x9b\u202e" if each in ran.said]
    assert max(map(len, ran.err.splitlines())) < 8000


def test_more_fail_than_the_limits_allow(honest: Site) -> None:
    for host in FLEET[2:]:
        honest.says(host, stdout=[], stderr=["no"], success=False)
    honest.write(SPEC + "limits: {failed: 10%}\n")
    said = " ".join(honest.deploy().said.split())
    assert "they are @fake/b, @fake/c, @fake/liar" in said
    assert goes_on(honest, said).counts == {"registry": 1, "a": 1}


@pytest.mark.parametrize("digest", [f"sha256:{'66' * 32}", "$(reboot)"], ids=["of nothing", "none at all"])
def test_it_pushes_for_all_and_says_another_digest(site: Site, digest: str) -> None:
    """The others fail by what it said, and say who pushed; what is no digest isn't taken over."""
    site.settled("registry", "a", "b")
    trip = site.answers["a"]["push_docker"]["stdout"]
    site.answers["a"]["push_docker"]["stdout"] = [*trip[:2], f"digest {digest}"]
    for host in ("a", "b"):
        lines = site.answers[host][LOOK]["stdout"]
        del lines[lines.index("=== verify") + 1]
    site.answers["b"] = {f"pushed={digest}": {"stderr": ["manifest unknown"], "success": False}, **site.answers["b"]}
    ran = site.deploy()
    told = "".join(text for _, text in ran.commands["b"])
    if digest.startswith("$"):
        assert ran.code == 0, ran.said
        assert digest not in told
        return
    assert ran.code == 1
    said = " ".join(ran.err.split())
    assert "verify: manifest unknown" in said
    assert "look at @fake/a, which pushed: the same command with `--exclude @fake/a`" in said
    assert goes_on(site, said).summary("b") == "@fake/b verified docker pulled; curl pulled (0.0 s)"
