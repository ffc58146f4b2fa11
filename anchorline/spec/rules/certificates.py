"""Rules about what is issued: profiles, names, lives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from anchorline.spec.model import CertificateRequest, DeclaredAuthority, Profile, Spec
from anchorline.spec.names import covers
from anchorline.spec.rules.rule import Finding, rule
from anchorline.spec.source import Loc
from anchorline.spec.values import format_duration, parse_name, quote
from anchorline.spec.words import meant

# Apple's limit holds for private roots as well: https://support.apple.com/en-us/103769
LONGEST_SERVER_LIFE = timedelta(days=825)

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def profile_of(spec: Spec, request: CertificateRequest) -> Profile | None:
    """The profile that a request names; None where nobody declared it."""
    known = request.profile == "default" or request.profile in spec.signing.profiles
    return spec.signing.profile(request.profile) if known else None


def _requests(spec: Spec) -> Iterator[tuple[str, CertificateRequest, Profile]]:
    for name, request in spec.requests.items():
        if profile := profile_of(spec, request):
            yield name, request, profile


def _loc(profile: str) -> Loc:
    return ("signing", "default") if profile == "default" else ("signing", "profiles", profile)


def _expiry_loc(spec: Spec, profile: str) -> Loc:
    own = profile != "default" and spec.signing.profiles[profile].expiry
    return (*_loc(profile if own else "default"), "expiry")


@rule("ANC111")
def unknown_profile(spec: Spec) -> Iterator[Finding]:
    """A certificate names a profile that isn't declared; cfssl would take the default in silence."""
    for name, request in spec.requests.items():
        if profile_of(spec, request) is None:
            known = ("default", *spec.signing.profiles)
            yield Finding(
                ("certificates", name, "profile"),
                f"no profile is called {quote(request.profile)}",
                meant(request.profile, known),
            )


@rule("ANC112")
def no_usages(spec: Spec) -> Iterator[Finding]:
    """A certificate's profile, or the default one where it names none, gives no usages."""
    for name, request, profile in _requests(spec):
        if not profile.usages:
            what = f"profile {quote(request.profile)} has no usages: the certificate would be good for nothing"
            yield Finding(("certificates", name), what, "name a profile with usages, such as [signing, server auth]")


@rule("ANC113")
def unsafe_name(spec: Spec) -> Iterator[Finding]:
    """A certificate's name can't be the name of its files, or is one that the CA's files have."""
    for name in spec.certificates:
        if not _FILE_NAME.fullmatch(name):
            what = "the name of a certificate is the name of its files: letters, digits and _ . - after the first"
            yield Finding(("certificates", name), what, "rename it")
        elif name.casefold() in ("ca", "ca-key") or name.casefold().endswith("-key"):
            yield Finding(("certificates", name), "its files would be taken for the CA's or for a key", "rename it")


@rule("ANC114")
def no_hosts(spec: Spec) -> Iterator[Finding]:
    """A server's certificate has no `hosts`; clients look at nothing else (RFC 6125 6.4.4)."""
    for name, request, profile in _requests(spec):
        if "server auth" in profile.usages and not request.hosts:
            what = "a server's certificate without `hosts` is valid for no name"
            yield Finding(("certificates", name), what, "list the names and addresses that clients use")


@rule("ANC211")
def cn_not_in_hosts(spec: Spec) -> Iterator[Finding]:
    """The CN of a server's certificate isn't among its `hosts`; clients have ignored the CN for years."""
    for name, request, profile in _requests(spec):
        if request.CN is None or not request.hosts or "server auth" not in profile.usages:
            continue
        try:
            cn = parse_name(request.CN)
        except ValueError:
            cn = request.CN
        if not any(covers(host, cn) for host in request.hosts):
            what = f"{request.CN!r} isn't among `hosts`, and clients look only there"
            yield Finding(("certificates", name, "CN"), what, "add it to `hosts`, or remove the CN")


@rule("ANC212")
def outlives_authority(spec: Spec) -> Iterator[Finding]:
    """A certificate would outlive its CA; its end is cut to the CA's."""
    if not isinstance(spec.authority, DeclaredAuthority):
        return
    life = spec.authority.ca.expiry
    for name, request, _ in _requests(spec):
        if (expiry := spec.expiry(request)) >= life:
            what = f"{name}: {format_duration(expiry)} isn't shorter than the CA's {format_duration(life)}; it is cut"
            yield Finding(_expiry_loc(spec, request.profile), what, "shorten it")


@rule("ANC213")
def too_long(spec: Spec) -> Iterator[Finding]:
    """A server's certificate lives over 825 days; Apple's systems reject it, from a private CA too."""
    for name, request, profile in _requests(spec):
        if "server auth" in profile.usages and (expiry := spec.expiry(request)) > LONGEST_SERVER_LIFE:
            what = f"{name}: {expiry.days} days; Apple's systems reject a server's certificate over 825"
            yield Finding(_expiry_loc(spec, request.profile), what, "shorten it; a year is 8760h")


@rule("ANC214")
def useless_encipherment(spec: Spec) -> Iterator[Finding]:
    """`key encipherment` for an ecdsa or ed25519 key, which can't do it (RFC 8813 3); it is dropped."""
    for name, request, profile in _requests(spec):
        if request.key.algo != "rsa" and "key encipherment" in profile.usages:
            index = profile.usages.index("key encipherment")
            what = f"{name}: an {request.key.algo} key can't do 'key encipherment'; it is dropped"
            yield Finding((*_loc(request.profile), "usages", index), what, "remove it")
