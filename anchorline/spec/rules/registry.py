"""Rules about the registry: the names that people type, the certificate, the socket."""

from __future__ import annotations

from collections.abc import Iterator

from anchorline.spec.model import CertificateRequest, Registry, Spec
from anchorline.spec.names import covers, is_loopback
from anchorline.spec.rules.certificates import profile_of
from anchorline.spec.rules.rule import Finding, rule
from anchorline.spec.source import Loc
from anchorline.spec.values import Endpoint, quote
from anchorline.spec.words import meant


def _request(spec: Spec) -> CertificateRequest | None:
    """The certificate that a remote registry serves, as far as we issue it."""
    registry = spec.tls_registry
    return spec.requests.get(registry.certificate or "") if registry else None


def _typed(registry: Registry) -> Iterator[tuple[Loc, Endpoint]]:
    """``address`` and the aliases, and where they are written."""
    yield ("registry", "address"), registry.address
    for index, alias in enumerate(registry.aliases):
        yield ("registry", "aliases", index), alias


@rule("ANC121")
def no_certificate(spec: Spec) -> Iterator[Finding]:
    """A remote registry names no certificate, or one that isn't declared."""
    if (registry := spec.tls_registry) is None or registry.certificate in spec.certificates:
        return
    if registry.certificate is None:
        what = "in remote mode the registry needs a `certificate`"
        yield Finding(("registry",), what, "name one of `certificates`, or set `mode: local`")
    else:
        what = f"no certificate is called {quote(registry.certificate)}"
        fix = meant(registry.certificate, spec.certificates) or "declare it under `certificates`"
        yield Finding(("registry", "certificate"), what, fix)


@rule("ANC122")
def no_server(spec: Spec) -> Iterator[Finding]:
    """The registry's certificate isn't a server's: its profile lacks `server auth`."""
    request = _request(spec)
    profile = profile_of(spec, request) if request else None
    if request and profile and profile.usages and "server auth" not in profile.usages:
        what = f"profile {quote(request.profile)} of this certificate lacks 'server auth'"
        yield Finding(("registry", "certificate"), what, "choose a profile that has it")


@rule("ANC123")
def uncovered(spec: Spec) -> Iterator[Finding]:
    """`address` or an alias isn't covered by the `hosts` of the registry's certificate."""
    request = _request(spec)
    if spec.registry is None or request is None:
        return
    for loc, endpoint in _typed(spec.registry):
        if not any(covers(host, endpoint.host) for host in request.hosts):
            what = f"{endpoint.host} isn't among the hosts of certificate {quote(spec.registry.certificate)}"
            yield Finding(loc, what, f"add it to `certificates.{spec.registry.certificate}.hosts`")


@rule("ANC124")
def contradicting_listen(spec: Spec) -> Iterator[Finding]:
    """A definite `listen` address isn't among the addresses that the registry's certificate names.

    A wildcard or a loopback address isn't compared, nor is any where the certificate names no address of its kind.
    """
    request = _request(spec)
    if spec.registry is None or request is None:
        return
    host = spec.registry.listen.host
    if is_loopback(host) or (not isinstance(host, str) and host.is_unspecified):
        return
    alike = [each for each in request.hosts if type(each) is type(host)]
    if alike and not any(covers(each, host) for each in alike):
        named = ", ".join(map(str, alike))
        what = f"listens on {host}, but certificate {quote(spec.registry.certificate)} names {named}"
        yield Finding(("registry", "listen"), what, "listen on one of these, or on 0.0.0.0")


@rule("ANC125")
def ports_disagree(spec: Spec) -> Iterator[Finding]:
    """`address` or an alias has another port than `listen`."""
    if spec.registry is None:
        return
    registry = spec.registry
    for loc, endpoint in _typed(registry):
        port = endpoint.port or registry.port
        if port != registry.listen.port:
            meaning = "" if endpoint.port else " (none is written)"
            what = f"port {port}{meaning}, but `listen` has port {registry.listen.port}"
            yield Finding(loc, what, "give both the same port")


@rule("ANC126")
def local_is_loopback(spec: Spec) -> Iterator[Finding]:
    """A local registry, which speaks plain HTTP, listens or is reached beyond the loopback."""
    if spec.registry is None or spec.registry.mode != "local":
        return
    fix = "use localhost or 127.0.0.1, or `mode: remote` with a certificate"
    for loc, endpoint in ((("registry", "listen"), spec.registry.listen), *_typed(spec.registry)):
        if not is_loopback(endpoint.host):
            yield Finding(loc, f"{endpoint.host} is beyond the loopback, and `mode: local` is plain HTTP", fix)


@rule("ANC127")
def pointless_hosts_entry(spec: Spec) -> Iterator[Finding]:
    """`hosts_entry` where there is no name to write beside it: in local mode, or where `address` is an IP address."""
    if spec.registry is None or spec.registry.hosts_entry is None:
        return
    loc = ("registry", "hosts_entry")
    if spec.registry.mode == "local":
        yield Finding(loc, "in local mode no client has to find the registry", "remove it")
    elif not isinstance(spec.registry.address.host, str):
        yield Finding(loc, f"`address` is an IP address, {spec.registry.address.host}: no name to resolve", "remove it")


OURS = ("/etc/anchorline", "/run/anchorline", "/var/lib/anchorline/sites")
THEIRS = ("/var/lib/containerd", "/var/lib/docker")
SYSTEM = (
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/sbin",
    "/sys",
    "/usr/bin",
    "/usr/lib",
    "/usr/sbin",
)
SHARED = ("/run", "/tmp", "/var/lock", "/var/log", "/var/run", "/var/tmp")  # noqa: S108 (they are refused)
"""What `data` may neither be, nor lie in, nor contain. Others write to what is shared, or a boot empties it."""


@rule("ANC129")
def data_in_the_way(spec: Spec) -> Iterator[Finding]:
    """`data` is, lies in or contains a folder of anchorline's own or of the system's."""
    if spec.registry is None:
        return
    data = spec.registry.data
    for folder in (*OURS, *THEIRS, *SYSTEM, *SHARED):
        if f"{data}/".startswith(f"{folder}/") or f"{folder}/".startswith(f"{data}/"):
            what = f"{data} and {folder} lie in each other, and that isn't for images"
            yield Finding(("registry", "data"), what, "give a folder of its own, such as /srv/registry")
            return


@rule("ANC221")
def unpinned(spec: Spec) -> Iterator[Finding]:
    """The registry's image has no digest and no `archive`: what its tag means may change."""
    if spec.registry and "@sha256:" not in spec.registry.image and spec.registry.archive is None:
        what = f"{spec.registry.image} may be another image tomorrow"
        yield Finding(("registry", "image"), what, "pin its digest: NAME@sha256:…")


@rule("ANC128")
def digest_of_an_archive(spec: Spec) -> Iterator[Finding]:
    """`archive` with an `image` by digest: an image that was loaded from a file has no digest to be found by."""
    if spec.registry and spec.registry.archive and "@" in spec.registry.image:
        what = f"{spec.registry.image} names a digest, and an image from `archive` is found by its tag alone"
        yield Finding(("registry", "image"), what, "name it by its tag, or leave out `archive`")


@rule("ANC222")
def unused_certificate(spec: Spec) -> Iterator[Finding]:
    """A local registry names a certificate; it serves plain HTTP and uses none."""
    if spec.registry and spec.registry.mode == "local" and spec.registry.certificate:
        yield Finding(("registry", "certificate"), "isn't used in local mode", "remove it, or set `mode: remote`")


@rule("ANC223")
def remote_loopback(spec: Spec) -> Iterator[Finding]:
    """A remote registry whose `address` is the loopback: no client would reach it."""
    if (registry := spec.tls_registry) and is_loopback(registry.address.host):
        what = f"{registry.address.host} means each client itself, not the registry's host"
        yield Finding(("registry", "address"), what, "give the name that clients use, or set `mode: local`")
