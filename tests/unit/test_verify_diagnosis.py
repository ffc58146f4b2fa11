"""Each check of the doctor by itself, and their order."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from anchorline.authority import Staged
from anchorline.authority.external import hosts_of
from anchorline.problem import Problem, Where
from anchorline.registry import daemon, distribution
from anchorline.spec.model import Registry
from anchorline.spec.names import covers
from anchorline.spec.values import Endpoint, parse_name
from anchorline.trust.plan import TrustPlan
from anchorline.trust.processes.stale import Process
from anchorline.trust.stores.families import FAMILIES
from anchorline.verify.diagnosis import Case, diagnose, is_exempt, on_the_host
from anchorline.verify.observed import ObservedClient, read
from tests.unit.cases import NAME, NOW, ROLLOUT, SERVE, found, here, sees, served


def test_nothing_is_wrong(well: Case) -> None:
    assert diagnose(well) is None
    assert diagnose(replace(well, leaf="")) is None, "a leaf that nobody knows is judged by what it shows"


def test_a_name_that_does_not_resolve(well: Case) -> None:
    lost = sees(well, addresses=())
    assert found(lost) == here(f"{NAME} doesn't resolve, and /etc/hosts lacks its line", ROLLOUT)
    assert "no hosts_entry" in found(replace(lost, entry="")).cause


def test_a_name_that_resolves_to_another_address(well: Case) -> None:
    astray = sees(well, addresses=("192.0.2.9", "192.0.2.10"))
    assert found(astray).cause == f"{NAME} resolves to 192.0.2.9, not to 192.0.2.10"
    assert found(astray).fix.startswith("sed -i ")
    assert found(replace(astray, change=TrustPlan(hosts_line="192.0.2.10 x"))).fix == ROLLOUT


@pytest.mark.parametrize(
    ("reachability", "rules", "cause", "command"),
    [
        ("refused", (), "nothing listens at 192.0.2.10 port 443", SERVE),
        ("odd", (), "what listens at 192.0.2.10 port 443 doesn't speak TLS", SERVE),
        (
            "closed",
            (),
            "no way to 192.0.2.10 port 443: a route or a firewall between",
            "tracepath -n 192.0.2.10",
        ),
        (
            "closed",
            (("inet", "mine", "out", "2"),),
            "a rule of this host's firewall keeps it from 192.0.2.10 port 443",
            "nft delete rule inet mine out handle 2",
        ),
    ],
)
def test_no_way(
    well: Case, reachability: str, rules: tuple[tuple[str, str, str, str], ...], cause: str, command: str
) -> None:
    assert found(sees(well, reachability=reachability, served=(), rules=rules)) == Problem(
        cause, command, Where.HERE if command.startswith("pyinfra ") else Where.ON_THE_HOST
    )


def test_a_rule_that_stops_nothing_is_nobodys_business(well: Case) -> None:
    assert diagnose(sees(well, rules=(("inet", "mine", "out", "2"),))) is None


def test_a_proxy_of_a_daemon(well: Case) -> None:
    diagnosis = found(sees(well, proxies=(("docker", "http://me:secret@proxy:3128", "localhost"),)))
    assert diagnosis.cause == f"docker asks the proxy proxy:3128 for {NAME}"
    assert f"NO_PROXY=localhost,{NAME}" in diagnosis.fix
    assert diagnosis.fix.endswith("systemctl daemon-reload && systemctl restart docker")
    assert "secret" not in str(diagnosis)
    assert diagnose(sees(well, proxies=(("docker", "http://proxy:3128", ".example.com"),))) is None


def test_a_proxy_of_who_logs_in(well: Case) -> None:
    assert found(sees(well, proxies=(("-", "proxy:3128", ""),))) == on_the_host(
        f"who logs in asks the proxy proxy:3128 for {NAME}", f"echo no_proxy={NAME} >>/etc/environment"
    )


@pytest.mark.parametrize(
    ("no_proxy", "name", "exempt"),
    [
        ("", NAME, False),
        ("*", NAME, True),
        (NAME, NAME, True),
        (f"a.b, {NAME.upper()}:443", NAME, True),
        ("example.com", NAME, True),
        (".example.com", NAME, True),
        ("*.example.com", NAME, True),
        ("ample.com", NAME, False),
        (".registry.example.com", NAME, False),
        ("192.0.2.0/24", "192.0.2.10", True),
        ("192.0.2.10", "192.0.2.10", True),
        ("192.0.2.1", "192.0.2.10", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("192.0.2.0/24", NAME, False),
    ],
)
def test_who_is_spared_the_proxy(no_proxy: str, name: str, exempt: bool) -> None:
    assert is_exempt(no_proxy, name) == exempt


@pytest.mark.parametrize(("years", "what"), [(-2, "730 days"), (20, "7300 days")])
def test_a_clock_that_is_off(well: Case, years: int, what: str) -> None:
    diagnosis = found(sees(well, clock=NOW + timedelta(days=365 * years)))
    assert f"UTC, {what} off: for this host " in diagnosis.cause
    assert diagnosis.fix == "pyinfra -y --limit web inventory exec -- date -u -s @$(date +%s)"


def test_a_clock_that_is_off_and_hurts_nobody(well: Case) -> None:
    assert diagnose(sees(well, clock=NOW + timedelta(hours=3))) is None


def test_another_ca(well: Case, red_ca: Staged) -> None:
    assert found(sees(well, served=served(red_ca))) == here(
        "the certificate served was issued by Red CA, not by the site's CA", SERVE
    )


@pytest.mark.parametrize(("days", "word"), [(370, "has expired on"), (-2, "isn't valid until")])
def test_a_certificate_out_of_its_time(well: Case, days: int, word: str) -> None:
    then = NOW + timedelta(days=days)
    diagnosis = found(replace(sees(well, clock=then), now=then))
    assert f"the certificate served {word} " in diagnosis.cause
    assert diagnosis.fix == SERVE


def test_a_certificate_for_other_names(well: Case) -> None:
    other = replace(well, endpoint=Endpoint("other.example.net", 443))
    assert found(other).cause == "the certificate served doesn't cover other.example.net"


def test_another_certificate_of_the_same_ca(well: Case, blue_ca: Staged) -> None:
    assert found(sees(well, served=served(blue_ca, "wild"))).cause == (
        "the certificate served is another one than that in pki/"
    )


@pytest.mark.parametrize(
    ("name", "by"),
    [
        (NAME, "server"),
        ("192.0.2.10", "server"),
        ("other.example.com", "wild"),
    ],
)
def test_names_that_a_certificate_covers(blue_ca: Staged, name: str, by: str) -> None:
    has = hosts_of(served(blue_ca, by)[0])
    assert any(covers(each, parse_name(name)) for each in has)
    assert not any(covers(each, f"below.{name}") for each in has)
    assert not any(covers(each, parse_name("192.0.2.1")) for each in has)


def test_the_systems_store(well: Case) -> None:
    lacking = replace(well, change=TrustPlan(update="/usr/sbin/update", what=("system store",)))
    assert found(lacking) == here("the system's store lacks the CA", ROLLOUT)
    altered = replace(well, change=TrustPlan(update="/usr/sbin/update", what=("system store repaired",)))
    assert found(altered).cause == "the system's store holds an anchor of the site that was altered"
    half = sees(well, curl=60)
    assert found(half) == on_the_host("the bundle holds the CA, but curl doesn't trust it", FAMILIES[0].repair)
    assert diagnose(replace(half, stores=("docker",))) is None, "where the system's store isn't kept, curl may say no"


def test_a_runtimes_store(well: Case) -> None:
    assert found(replace(well, change=TrustPlan(what=("docker", "/etc/hosts")))) == here(
        f"docker's own store lacks the CA for {NAME}", ROLLOUT
    )


def test_what_no_rollout_can_do_is_told_as_the_rollout_tells_it(well: Case) -> None:
    """With its whole cause and its own fix: a rollout would fail by the same."""
    wrong = Problem(
        "/etc/rancher/k3s/registries.yaml: configs.x.tls.ca_file is /a: b; c, which isn't ours", "take it out"
    )
    assert found(replace(well, change=TrustPlan(problem=wrong))) is wrong


def test_the_registrys_host_without_its_daemon(well: Case) -> None:
    """It comes first there: that nothing listens follows from it."""
    said = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock"
    down = sees(well, addresses=(), reachability="refused", served=(), down=(("docker", said),))
    assert "resolve" in found(down).cause, "a client isn't the registry's host"
    served = distribution.instance("blue", Registry(mode="local"))
    assert found(replace(down, container=served)) == daemon.down("docker", said)
    bare = replace(well.trust, tools=frozenset({"curl"}))
    assert found(replace(down, container=served, trust=bare)) == daemon.missing()
    assert diagnose(replace(well, container=served)) is None


def test_a_runtime_that_is_down(well: Case) -> None:
    assert found(sees(well, down=(("docker", ""),))) == on_the_host("docker doesn't answer", "systemctl start docker")


@pytest.mark.parametrize(
    ("stores", "wrong"), [(("system",), True), (("system", "docker"), False), (("system", "podman"), True)]
)
def test_a_daemon_that_began_before(well: Case, stores: tuple[str, ...], wrong: bool) -> None:
    process = Process(7, "add", "host", "go", "/system.slice/docker.service", "dockerd")
    case = replace(well, stores=stores, trust=replace(well.trust, stale=(process,)))
    assert diagnose(case) == (
        on_the_host("docker.service began before the CA came, and holds the old roots", "systemctl restart docker")
        if wrong
        else None
    )
    beside = replace(process, name="containerd")
    assert diagnose(replace(case, trust=replace(well.trust, stale=(beside,)))) is None, "it only serves Docker"
    elsewhere = replace(process, place="container")
    assert diagnose(replace(case, trust=replace(well.trust, stale=(elsewhere,)))) is None


def test_what_comes_first(well: Case, red_ca: Staged) -> None:
    """All is wrong at once: fixed one after the other, each is named in its turn."""
    case = replace(
        sees(
            well,
            addresses=(),
            reachability="refused",
            clock=NOW + timedelta(days=9999),
            served=served(red_ca),
            down=(("docker", ""),),
        ),
        change=TrustPlan(update="x", what=("system store", "docker")),
    )
    causes = []
    for fixed in (
        {"addresses": ("192.0.2.10",)},
        {"reachability": "open"},
        {"clock": NOW},
        {"served": well.seen.served},
        {},
    ):
        causes.append(found(case).cause)
        case = sees(case, **fixed)
    expected = ("resolve", "listens", "clock", "issued by", "system's store")
    assert all(word in cause for word, cause in zip(expected, causes, strict=True)), causes
    case = replace(case, change=TrustPlan(what=("docker",)))
    assert "docker's own store" in found(case).cause
    assert "doesn't answer" in found(replace(case, change=TrustPlan())).cause


def test_trust_alone(well: Case) -> None:
    alone = replace(sees(well, addresses=(), reachability="", served=(), down=(("docker", ""),)), endpoint=None)
    assert diagnose(alone) is None
    assert "lacks the CA" in found(replace(alone, change=TrustPlan(update="x", what=("system store",)))).cause


def test_where_the_command_is_typed(well: Case) -> None:
    assert str(found(sees(well, addresses=()))).endswith(f"; here: {ROLLOUT}")
    assert "; on the host: systemctl start docker" in str(found(sees(well, down=(("docker", ""),))))
    other = replace(well, spec="s.yml", inventory="inventory/staging.py")
    assert "--data spec=s.yml inventory/staging.py anchorline." in str(found(sees(other, addresses=())))


def test_reading_an_answer(blue_ca: Staged) -> None:
    (leaf,) = served(blue_ca)
    body = base64.b64encode(leaf.public_bytes(Encoding.DER)).decode()
    lines = f"clock 1700000000\naddress 192.0.2.10\naddress ::1\nreachability open\nserved {body}\nrule inet a b 7\n"
    lines += "proxy docker http://p:1 a,b\nproxy - - -\ndown containerd\ncurl 60"
    assert read(lines.splitlines()) == ObservedClient(
        datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        ("192.0.2.10", "::1"),
        "open",
        (leaf,),
        (("inet", "a", "b", "7"),),
        (("docker", "http://p:1", "a,b"), ("-", "", "")),
        (("containerd", ""),),
        60,
    )


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["reachability open"],
        ["clock x"],
        ["clock 1", "proxy docker"],
        ["clock 1", "denied a q 1 b c"],
    ],
)
def test_half_an_answer_is_no_answer(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(lines)
