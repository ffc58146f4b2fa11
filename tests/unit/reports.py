"""Reports as they come from real fleets, for the tests of every form: a good one, a broken one, a plan, and many hosts.

The hosts are the lab's. Times are fixed, so that a form of the same report is the same text at each run.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from anchorline.problem import Health, Problem, Where
from anchorline.report.model import (
    CertificateReport,
    Condition,
    HostReport,
    Kind,
    Life,
    RegistryReport,
    Report,
    RotationReport,
    StepReport,
)

NOW = datetime(2026, 11, 27, 1, 30, tzinfo=UTC)
SITE, ADDRESS = "production", "registry.example.com"
HOSTS = ("registry", "debian", "arch-layout", "fedora-layout", "debian12")

_SYSTEMS = {
    "registry": ("debian 13", ("docker",)),
    "debian": ("debian 13", ("docker",)),
    "arch-layout": ("arch", ("podman",)),
    "fedora-layout": ("fedora", ("containerd",)),
    "debian12": ("debian 12", ()),
}
_SERVE = "pyinfra -y inventory anchorline.registry.serve"


def life(name: str = "server", days: int = 300, *, of: int = 365, generation: str = "present") -> Life:
    """A certificate that lives ``of`` days, with ``days`` left."""
    ends = NOW + timedelta(days=days, hours=1)
    is_ca = name.startswith("ca")
    return Life(
        name=name,
        subject="CN=Example Fleet CA,O=Example" if is_ca else f"CN={ADDRESS},O=Example",
        names=() if is_ca else (ADDRESS, "192.0.2.10"),
        begins=ends - timedelta(days=of),
        ends=ends,
        days=days,
        sha256=sha256(f"{name} {generation} {days}".encode()).hexdigest(),
        generation=generation,
    )


CA = life("ca", 3000, of=3650)
NEXT = life("ca", 3640, of=3650, generation="next")
SERVER = life()


def host(name: str, condition: Condition = Condition.AS_DECLARED, *findings: Problem) -> HostReport:
    """A host that was reached and has what it should, and besides what is wrong with it."""
    system, runtimes = _SYSTEMS.get(name, ("debian 13", ("docker",)))
    return HostReport(
        name=name,
        condition=condition,
        groups=("registry",) if name == "registry" else ("clients",),
        findings=findings,
        system=system,
        runtimes=runtimes,
        stores=dict.fromkeys(("system", *runtimes), ("present",)),
        served=SERVER,
        clock=0.4,
        verification=f"{runtimes[0]} pulled; curl pulled (0.4 s)" if runtimes else "curl pulled (0.3 s)",
    )


def silent(name: str, condition: Condition, *findings: Problem) -> HostReport:
    """A host of which nothing but its findings is known."""
    return HostReport(name, condition, groups=("clients",), findings=findings)


def _steps(**other: tuple[Health, str]) -> tuple[StepReport, ...]:
    said = {
        "authority": (Health.GOOD, "the CA and 1 certificate, the next ends in 300 days"),
        "trust": (Health.GOOD, "5 of 5 hosts trust the CA"),
        "registry": (Health.GOOD, "healthy, 2.8.3"),
        "verify": (Health.GOOD, "5 of 5 hosts have verified it"),
    } | other
    return tuple(StepReport(name, health, words) for name, (health, words) in said.items())


def good() -> Report:
    """The lab as it is after a deploy: all as declared."""
    return Report(
        kind=Kind.STATUS,
        site=SITE,
        spec="anchorline.yml",
        time=NOW,
        hosts=tuple(map(host, HOSTS)),
        certificates=(
            CertificateReport("ca", "ok", "", Health.GOOD, issues=False, life=CA),
            CertificateReport("server", "ok", "", Health.GOOD, issues=False, life=SERVER),
        ),
        registry=RegistryReport(
            host="registry",
            address=ADDRESS,
            mode="remote",
            health=Health.GOOD,
            words="healthy",
            version="2.8.3",
            image="registry:2.8.3",
            used=183_500,
            free=41_000_000,
            repositories=3,
            tags=17,
        ),
        steps=_steps(),
        version="0.5.0",
    )


def broken() -> Report:
    """The lab with something wrong at each step: a leaf about to expire, another one served, a generation that
    ``pki/`` doesn't know, a stale process, a clock that is off, a full disk, a held rotation, a host that is down."""
    known = good()
    stale = Problem(
        "1 process with the old roots: docker.service", "systemctl restart docker", Where.ON_THE_HOST, Health.WARNING
    )
    foreign = Problem(
        "the system store holds a CA of this site that pki/ doesn't know (4bdb60137bfa)",
        "pyinfra -y inventory anchorline.trust.withdraw --data ca=4bdb60137bfa",
        Where.HERE,
    )
    clock = Problem(
        "its clock is 9 h 0 min ahead: certificates end early there", "timedatectl set-ntp true", Where.ON_THE_HOST
    )
    served = Problem("the certificate served is another one than that in pki/", _SERVE, Where.HERE)
    full = Problem("12 MiB left where the images go", "docker system prune -a", Where.ON_THE_HOST)
    down = Problem("unreachable: Connection refused", health=Health.UNKNOWN)
    others = life("server", 40, generation="4bdb60137bfa")
    hosts = (
        host("registry", Condition.DIFFERS, full, served),
        replace(
            host("debian", Condition.ATTENTION, stale),
            stale=("docker.service",),
            notes=("/etc/docker/certs.d/old.example.com is somebody else's",),
        ),
        replace(
            host("arch-layout", Condition.DIFFERS, foreign, served),
            stores={"system": ("present", "4bdb60137bfa"), "podman": ()},
            drift=("podman",),
            served=others,
        ),
        replace(host("fedora-layout", Condition.DIFFERS, clock), clock=32_400.2),
        silent("debian12", Condition.UNREACHABLE, down),
    )
    due = life(days=12)
    blocked = Problem(
        "rotation: blocked, 1 of 5 hosts not seen to trust Example Fleet CA G2; the present CA goes on to serve",
        "bring debian12 up, then deploy; a host that is gone: `rotation: {without: [HOST]}`",
        health=Health.WARNING,
    )
    reason = f"less than 33% of its life is left, it ends on {due.ends:%Y-%m-%d}"
    due_finding = Problem(f"server: due: {reason}", "pyinfra -y inventory deploy.py", Where.HERE, Health.WARNING)
    assert known.registry is not None
    return replace(
        known,
        hosts=hosts,
        certificates=(
            known.certificates[0],
            CertificateReport("server", "due", reason, Health.WARNING, issues=True, life=due),
        ),
        registry=replace(known.registry, health=Health.BAD, words="12 MiB left", used=41_100_000, free=12_288),
        rotation=RotationReport(
            stage="made",
            ca=NEXT,
            seen=HOSTS[:4],
            missing={"debian12": "not reached"},
            blocked=True,
            words="4 of 5 hosts have been seen to trust Example Fleet CA G2",
        ),
        steps=_steps(
            authority=(Health.WARNING, "server is due; a rotation is blocked"),
            trust=(Health.BAD, "3 of 5 hosts trust the CA alone"),
            registry=(Health.BAD, "12 MiB left"),
            verify=(Health.UNKNOWN, "4 of 5 hosts have verified it"),
        ),
        findings=(blocked, due_finding),
    )


def run() -> Report:
    """A deploy that changed two hosts, failed on one, and didn't reach one."""
    known = good()
    cause = "trust: update-ca-certificates ended with 1: No space left on device"
    failed = Problem(cause, "make room under /etc, then pyinfra -y --limit arch-layout inventory deploy.py", Where.HERE)
    changed = ("system store", "docker", "/etc/hosts")
    return replace(
        known,
        kind=Kind.RUN,
        hosts=(
            replace(host("registry", Condition.CHANGED), changes=(*changed, "registry: create (no container)")),
            replace(host("debian", Condition.CHANGED), changes=changed),
            replace(host("arch-layout", Condition.FAILED, failed), verification=""),
            host("fedora-layout", Condition.VERIFIED),
            silent("debian12", Condition.UNREACHABLE, Problem("not connected: timed out", health=Health.UNKNOWN)),
        ),
        steps=_steps(trust=(Health.BAD, "3 of 5 hosts trust the CA"), verify=(Health.UNKNOWN, "3 of 5 hosts")),
    )


def plan() -> Report:
    """A first deploy, not yet made: all is to be issued, three hosts would change alike, one is unreachable."""
    known = good()
    alike = ("system store", "docker", "/etc/hosts")
    drift = {
        "registry": (*alike, "registry: create (no container)"),
        "debian": alike,
        "arch-layout": ("system store", "podman", "/etc/hosts"),
        "fedora-layout": alike,
    }
    would = [
        replace(host(name, Condition.WOULD_CHANGE), stores={}, served=None, verification="", drift=what)
        for name, what in drift.items()
    ]
    down = silent("debian12", Condition.UNREACHABLE, Problem("not connected: timed out", health=Health.UNKNOWN))
    return replace(
        known,
        kind=Kind.PLAN,
        hosts=(*would, down),
        certificates=(
            CertificateReport("ca", "missing", "no host has heard of a CA of this site", Health.WARNING, issues=True),
            CertificateReport("server", "missing", "it was never issued", Health.WARNING, issues=True),
        ),
        registry=None,
        steps=(),
    )


def nothing_to_do() -> Report:
    """A plan of a fleet that is as declared."""
    return replace(good(), kind=Kind.PLAN)


def many(count: int, *, wrong: int = 10) -> Report:
    """A fleet of so many hosts, of which every ``wrong``-th isn't well, in turn in six ways. No ``wrong``: all are."""
    down = Problem("unreachable: timed out", health=Health.UNKNOWN)
    stale = Problem(
        "1 process with the old roots: dockerd", "systemctl restart docker", Where.ON_THE_HOST, Health.WARNING
    )
    clock = Problem("its clock is 2 h 0 min behind", "timedatectl set-ntp true", Where.ON_THE_HOST)

    def one(number: int) -> HostReport:
        name = "registry" if number == 0 else f"host-{number}.dc{number % 7}.example.com"
        if number == 0 or not wrong or number % wrong:
            return host(name)
        lacks = Problem(
            "the system's store lacks the CA",
            f"pyinfra -y --limit {name} inventory anchorline.trust.rollout",
            Where.HERE,
        )
        own = Problem(f"{name}: disk {number} answers nothing", "replace it")
        return (
            host(name, Condition.DIFFERS, lacks),
            silent(name, Condition.UNREACHABLE, down),
            replace(host(name, Condition.ATTENTION, stale), stale=("dockerd",)),
            replace(host(name, Condition.DIFFERS, clock), clock=-7200.0),
            host(name, Condition.DIFFERS, own, lacks),
            silent(name, Condition.UNKNOWN, Problem("the answer can't be read", "log in", health=Health.UNKNOWN)),
        )[number // wrong % 6]

    health = Health.BAD if wrong and count > wrong else Health.GOOD
    trusts = f"{count - (count - 1) // wrong if wrong else count} of {count} hosts trust the CA"
    return replace(good(), hosts=tuple(map(one, range(count))), steps=_steps(trust=(health, trusts)))


def many_planned(count: int, kinds: int = 4) -> Report:
    """A plan on so many hosts, with so many kinds of change among them."""
    hosts = (
        replace(
            host(f"host-{number}.example.com", Condition.WOULD_CHANGE),
            drift=("system store", f"runtime {number % kinds}"),
        )
        for number in range(count)
    )
    return replace(plan(), hosts=tuple(hosts))


EVERY = {"good": good, "broken": broken, "run": run, "plan": plan, "nothing": nothing_to_do}
"""Each report by a word, for tests over all of them."""
