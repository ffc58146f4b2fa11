"""Rules about the CA: its constraints and its subject."""

from __future__ import annotations

from collections.abc import Iterator

from anchorline.spec.model import DeclaredAuthority, ExistingAuthority, Spec
from anchorline.spec.names import permitted
from anchorline.spec.rules.rule import Finding, rule
from anchorline.spec.source import Loc
from anchorline.spec.values import Name


@rule("ANC101")
def no_issuer(spec: Spec) -> Iterator[Finding]:
    """Certificates are declared and no authority can issue them."""
    if not spec.requests or isinstance(spec.authority, DeclaredAuthority):
        return
    if spec.authority is None:
        yield Finding(("certificates",), "no authority issues these", "declare an `authority`, or remove them")
    elif isinstance(spec.authority, ExistingAuthority) and spec.authority.key is None:
        yield Finding(("authority",), "can't issue `certificates` without its key", "give `key`, or remove them")


@rule("ANC102")
def outside_constraints(spec: Spec) -> Iterator[Finding]:
    """A host of a certificate, the registry's `address` or an alias is outside `name_constraints`."""
    if not isinstance(spec.authority, DeclaredAuthority) or spec.authority.name_constraints is None:
        return
    named: list[tuple[Loc, Name]] = [
        (("certificates", name, "hosts", index), host)
        for name, request in spec.requests.items()
        for index, host in enumerate(request.hosts)
    ]
    if registry := spec.tls_registry:
        named.append((("registry", "address"), registry.address.host))
        named += [(("registry", "aliases", index), alias.host) for index, alias in enumerate(registry.aliases)]
    for loc, name in named:
        if not permitted(name, spec.authority.name_constraints):
            what = f"{name} is outside the CA's `name_constraints`: every client would reject it"
            yield Finding(loc, what, "add it there, or use a permitted name")


@rule("ANC103")
def constrained_cn(spec: Spec) -> Iterator[Finding]:
    """A certificate without a DNS name in `hosts` has a CN that `name_constraints` forbid.

    Without a DNS subject alternative name, OpenSSL, GnuTLS, NSS and Java hold the CN against the DNS constraints.
    """
    if not isinstance(spec.authority, DeclaredAuthority) or spec.authority.name_constraints is None:
        return
    constraints = spec.authority.name_constraints
    for name, request in spec.requests.items():
        if request.CN is None or not constraints.dns or any(isinstance(host, str) for host in request.hosts):
            continue
        if not permitted(request.CN.lower(), constraints):
            what = (
                f"with no DNS name in `hosts`, clients hold CN {request.CN!r} against `name_constraints` and reject it"
            )
            yield Finding(("certificates", name, "CN"), what, "remove the CN, or add a permitted DNS name to `hosts`")


@rule("ANC201")
def authority_hosts(spec: Spec) -> Iterator[Finding]:
    """`hosts` on a CA, which no client looks at; cfssl drops them too."""
    if isinstance(spec.authority, DeclaredAuthority) and spec.authority.hosts:
        yield Finding(("authority", "hosts"), "a CA has no hosts; they aren't used", "remove them")


@rule("ANC202")
def unconstrained(spec: Spec) -> Iterator[Finding]:
    """The CA has no `name_constraints`: who steals its key can impersonate every site to the whole fleet."""
    if isinstance(spec.authority, DeclaredAuthority) and spec.authority.name_constraints is None:
        what = "without `name_constraints` this CA can vouch for every name there is, to the whole fleet"
        yield Finding(("authority",), what, "permit only your own domain and networks")


@rule("ANC203")
def open_constraints(spec: Spec) -> Iterator[Finding]:
    """`name_constraints` say nothing of a kind of name, which is then not constrained.

    GnuTLS takes IPv4 and IPv6 apart: with ranges of one alone, it accepts every address of the other.
    """
    if not isinstance(spec.authority, DeclaredAuthority) or spec.authority.name_constraints is None:
        return
    constraints = spec.authority.name_constraints
    versions = {network.version for network in constraints.ip}
    if not constraints.dns:
        what = "without `dns`, every DNS name is permitted"
        yield Finding(("authority", "name_constraints"), what, "add your domain, or one that nobody has: `invalid`")
    if not constraints.ip:
        what = "without `ip`, every address is permitted"
        yield Finding(("authority", "name_constraints"), what, "add your networks, or 127.0.0.1/32 and ::1/128")
    elif missing := {4, 6} - versions:
        version = missing.pop()
        fix = f"add a range of your own, or {'127.0.0.1/32' if version == 4 else '::1/128'}"
        what = f"without an IPv{version} range, GnuTLS permits every IPv{version} address"
        yield Finding(("authority", "name_constraints", "ip"), what, fix)
