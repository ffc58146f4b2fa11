"""Why one host can't pull: the one cause, and what fixes it. Pure: a table of checks, in the order in which one thing
needs another."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from cryptography import x509

from anchorline.authority.anchors import leads_to
from anchorline.authority.certificates import fingerprint, name_of
from anchorline.authority.external import hosts_of
from anchorline.characters import quoted
from anchorline.commands import INVENTORY, SPEC, pyinfra
from anchorline.problem import Problem, Where
from anchorline.registry import daemon
from anchorline.registry.desired import Instance
from anchorline.spec.names import covers
from anchorline.spec.values import Endpoint
from anchorline.trust.observed import HOSTS, OURS, ObservedTrust
from anchorline.trust.plan import REPAIRED, TrustPlan
from anchorline.trust.processes.stale import FIRST
from anchorline.trust.stores.runtimes import RUNTIMES
from anchorline.verify.access import REGISTRY
from anchorline.verify.observed import ObservedClient

UNVERIFIED = 60
"""curl's exit code for a certificate that nobody whom it trusts vouches for."""


@dataclass(frozen=True)
class Case:
    """One host, and what it is held against. ``leaf`` is the fingerprint of the certificate in ``pki/``, or empty;
    ``change`` is what a rollout would do there, ``container`` the registry's where it is this host's."""

    host: str
    site: str
    seen: ObservedClient
    trust: ObservedTrust
    change: TrustPlan
    now: datetime
    ca: x509.Certificate | None
    stores: tuple[str, ...] = ()
    endpoint: Endpoint | None = None
    entry: str = ""
    leaf: str = ""
    container: Instance | None = None
    spec: str = SPEC
    inventory: str = INVENTORY

    @property
    def name(self) -> str:
        """What people type before ``/image:tag``, without the port."""
        return str(self.endpoint.host) if self.endpoint else ""

    def step(self, cause: str, step: str, *, alone: bool = True) -> Problem:
        """A problem that a step of ours fixes, for this host alone or for all."""
        return self.here(cause, f"anchorline.{step}", alone=alone)

    def here(self, cause: str, what: str, *, alone: bool = True) -> Problem:
        """A problem that pyinfra fixes, by the command that ``commands.pyinfra`` has for it."""
        host = self.host if alone else ""
        return Problem(
            cause, pyinfra(what, Path(self.spec), host=host, inventory=self.inventory, sure=True), Where.HERE
        )


def on_the_host(cause: str, command: str) -> Problem:
    """A problem that a command on the host itself fixes."""
    return Problem(cause, command, Where.ON_THE_HOST)


def diagnose(case: Case) -> Problem | None:
    """The first thing that is wrong: what comes after it can't be right before it is fixed. None where all is well."""
    checks = (
        *(SERVER if case.container else ()),
        *(WIRE if case.endpoint else ()),
        *STORES,
        *(DAEMONS if case.endpoint else ()),
    )
    return next((found for check in checks if (found := check(case))), None)


def _resolves(case: Case) -> Problem | None:
    if case.seen.addresses:
        return None
    if case.entry:
        return case.step(f"{case.name} doesn't resolve, and {HOSTS} lacks its line", "trust.rollout")
    return on_the_host(f"{case.name} doesn't resolve, and the spec has no hosts_entry", f"getent hosts {case.name}")


def _resolves_rightly(case: Case) -> Problem | None:
    if not case.entry or case.entry in case.seen.addresses[:1]:
        return None
    cause = f"{case.name} resolves to {case.seen.addresses[0]}, not to {case.entry}"
    if case.change.hosts_line:
        return case.step(cause, "trust.rollout")
    others = rf"/{OURS}{case.site}$/!s/[[:space:]]{re.escape(case.name)}\>//g"
    return on_the_host(cause, f"sed -i {quoted(others)} {HOSTS}")


def _denied_to_the_registry(case: Case) -> Problem | None:
    return _denied(case, {REGISTRY})


def _denied_to_clients(case: Case) -> Problem | None:
    system = {case.trust.family.name} if case.trust.family and "system" in case.stores else set()
    return _denied(case, system | (set(case.trust.runtimes) & set(case.stores)))


def _denied(case: Case, by: set[str]) -> Problem | None:
    found = next((each for each in case.seen.denied if each.whose & by), None)
    return found.problem(case.container) if found else None


def _reachable(case: Case) -> Problem | None:
    where = f"{case.seen.addresses[0]} port {case.endpoint.port if case.endpoint else ''}"
    if case.seen.reachability in ("refused", "closed") and case.seen.rules:
        family, table, chain, handle = case.seen.rules[0]
        rule = " ".join(map(quoted, (family, table, chain, "handle", handle)))
        return on_the_host(
            f"a rule of this host's firewall keeps it from {where}",
            f"nft delete rule {rule}",
        )
    if case.seen.reachability == "closed":
        return on_the_host(
            f"no way to {where}: a route or a firewall between", f"tracepath -n {quoted(case.seen.addresses[0])}"
        )
    if case.seen.reachability == "refused":
        return case.step(f"nothing listens at {where}", "registry.serve", alone=False)
    if case.seen.reachability == "odd":
        return case.step(f"what listens at {where} doesn't speak TLS", "registry.serve", alone=False)
    return None


def _proxy(case: Case) -> Problem | None:
    for unit, url, exempt in case.seen.proxies:
        if not url or is_exempt(exempt, case.name):
            continue
        _, _, rest = f"//{url}".rpartition("//")
        proxy = rest.partition("/")[0].rpartition("@")[2]  # before it there may be a password
        all_of_them = ",".join(part for part in (exempt, case.name) if part)
        if unit == "-":
            line = quoted(f"no_proxy={all_of_them}")
            return on_the_host(
                f"who logs in asks the proxy {proxy} for {case.name}",
                f"echo {line} >>/etc/environment",
            )
        folder = quoted(f"/etc/systemd/system/{unit}.service.d")
        setting = quoted(f'Environment="NO_PROXY={all_of_them}"'.replace("%", "%%"))
        return on_the_host(
            f"{unit} asks the proxy {proxy} for {case.name}",
            f"mkdir -p {folder} && printf '%s\\n' '[Service]' {setting} >{folder}/zz-no-proxy.conf && "
            f"systemctl daemon-reload && systemctl restart {quoted(unit)}",
        )
    return None


def is_exempt(no_proxy: str, name: str) -> bool:
    """Whether a program goes to ``name`` without its proxy, as Go reads no_proxy (x/net/http/httpproxy): a name with
    what is below it, ``.name`` and ``*.name`` with what is below alone, an address, a network, ``*``."""
    for part in no_proxy.replace(" ", ",").lower().split(","):
        bare = part.partition(":")[0] if part.count(":") == 1 else part
        if part == "*" or bare == name:
            return True
        try:
            if ip_address(name) in ip_network(part):
                return True
        except ValueError:
            if bare and name.endswith(f".{bare.removeprefix('*').removeprefix('.')}"):
                return True
    return False


def _clock(case: Case) -> Problem | None:
    certificates = [*case.seen.served[:1], *([case.ca] if case.ca else [])]
    wrong = [each for each in certificates if _is_valid(each, case.now) and not _is_valid(each, case.seen.clock)]
    if not wrong:
        return None
    return case.here(
        f"the clock says {case.seen.clock:%Y-%m-%d %H:%M} UTC, {_apart(case.seen.clock - case.now)} off: "
        f"for this host {name_of(wrong[0])} isn't valid now",
        "exec -- date -u -s @$(date +%s)",
    )


def _apart(difference: timedelta) -> str:
    hours = abs(difference) // timedelta(hours=1)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"


def _is_valid(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _served(case: Case) -> Problem | None:
    wrong = _wrong_with_served(case)
    return case.step(f"the certificate served {wrong}", "registry.serve", alone=False) if wrong else None


def _wrong_with_served(case: Case) -> str:
    if not case.seen.served or case.ca is None:
        return ""
    leaf = case.seen.served[0]
    if not leads_to(case.seen.served, case.ca):
        return f"was issued by {name_of_issuer(leaf)}, not by the site's CA"
    if leaf.not_valid_after_utc < case.now:
        return f"has expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    if leaf.not_valid_before_utc > case.now:
        return f"isn't valid until {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    if case.endpoint and not any(covers(each, case.endpoint.host) for each in hosts_of(leaf)):
        return f"doesn't cover {case.name}"
    return "is another one than that in pki/" if case.leaf not in ("", fingerprint(leaf)) else ""


def name_of_issuer(certificate: x509.Certificate) -> str:
    """Who says to have issued it."""
    names = certificate.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.issuer.rfc4514_string() or "nobody"


def _system(case: Case) -> Problem | None:
    if case.change.problem:
        return None
    if case.change.update:
        word = "holds an anchor of the site that was altered" if REPAIRED in case.change.what else "lacks the CA"
        return case.step(f"the system's store {word}", "trust.rollout")
    if case.seen.curl == UNVERIFIED and "system" in case.stores and case.trust.family:
        return on_the_host("the bundle holds the CA, but curl doesn't trust it", case.trust.family.repair)
    return None


def _runtimes(case: Case) -> Problem | None:
    if case.change.problem:
        return case.change.problem  # a rollout would fail by the same
    lacking = [what for what in case.change.what if what in (*RUNTIMES, *case.trust.merged_stores.stores)]
    if lacking:
        return case.step(f"{lacking[0]}'s own store lacks the CA for {case.name}", "trust.rollout")
    return None


def _serving(case: Case) -> Problem | None:
    """The registry's host without its daemon: that nothing listens follows from it."""
    if "docker" not in case.trust.tools:
        return daemon.missing()
    return next((daemon.down(unit, said) for unit, said in case.seen.down if unit == "docker"), None)


def _down(case: Case) -> Problem | None:
    return next((daemon.down(unit, said) for unit, said in case.seen.down), None)


def _stale(case: Case) -> Problem | None:
    for each in case.trust.stale:
        store = FIRST.get(each.name, "")
        # one that reads a store of ours at every pull doesn't need the system's roots for it
        if each.place == "host" and each.command and store in case.trust.runtimes and store not in case.stores:
            return on_the_host(f"{each.unit} began before the CA came, and holds the old roots", each.command)
    return None


Check = Callable[[Case], Problem | None]
SERVER: tuple[Check, ...] = (_serving,)
WIRE: tuple[Check, ...] = (_resolves, _resolves_rightly, _denied_to_the_registry, _reachable, _proxy, _clock, _served)
STORES: tuple[Check, ...] = (_denied_to_clients, _system, _runtimes)
DAEMONS: tuple[Check, ...] = (_down, _stale)
