"""Name constraints (RFC 5280 4.2.1.10): what a CA's own certificate lets it vouch for.

Our own check before we sign: clients would refuse such a certificate, some of them (Java, for a root) would not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import NameOID

# what OpenSSL takes a CN for a host name by: two labels or more; an address looks like one as well
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\.?")


@dataclass(frozen=True)
class Constraints:
    """The constraints of every CA on the way to the root; a name has to pass all of them."""

    each: tuple[x509.NameConstraints, ...]

    @classmethod
    def of(cls, certificates: Iterable[x509.Certificate]) -> Constraints:
        """Read them from the certificates themselves, not from the spec."""
        values = (extension.value for certificate in certificates for extension in certificate.extensions)
        return cls(tuple(value for value in values if isinstance(value, x509.NameConstraints)))

    def violations(self, names: Iterable[x509.GeneralName], subject: x509.Name) -> Iterator[str]:
        """Each name that isn't permitted, in words: what it is, and what would be permitted."""
        if not self.each:
            return
        names = tuple(names)
        for name in (*names, *_common_names(subject, names)):
            for constraints in self.each:
                permitted = _of_kind(name, constraints.permitted_subtrees)
                excluded = _of_kind(name, constraints.excluded_subtrees)
                if permitted and not any(_within(name, base) for base in permitted):
                    yield f"{name.value}: its name constraints permit {_text(permitted)}"
                elif any(_within(name, base) or _touches(name, base) for base in excluded):
                    yield f"{name.value}: its name constraints exclude {_text(excluded)}"


def _of_kind(name: x509.GeneralName, bases: Iterable[x509.GeneralName] | None) -> list[x509.GeneralName]:
    """Those that speak of such names: an address is free where only DNS names are constrained."""
    kind = type(name)
    return [base for base in bases or () if type(base) is kind]


def _text(bases: Iterable[x509.GeneralName]) -> str:
    return ", ".join(str(base.value) for base in bases)


def _common_names(subject: x509.Name, names: tuple[x509.GeneralName, ...]) -> Iterator[x509.GeneralName]:
    """A CN that looks like a host is held to the constraints as a DNS name: OpenSSL and GnuTLS do so where there is no
    DNS SAN. An address as CN stands only beside a DNS SAN, for it can never lie in a DNS constraint."""
    has_dns = any(type(name) is x509.DNSName for name in names)
    for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        text = str(attribute.value)
        if _HOST.fullmatch(text) and (name := x509.DNSName(text)) not in names and not (has_dns and _is_address(text)):
            yield name


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _within(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    if type(name) is x509.IPAddress:
        return name.value in base.value
    host, domain = str(name.value).lower().rstrip("."), str(base.value).lower()
    if domain.startswith("."):  # not RFC 5280's form for DNS, but found: only what is below
        return host.endswith(domain)
    return not domain or host == domain or host.endswith(f".{domain}")


def _touches(name: x509.GeneralName, excluded: x509.GeneralName) -> bool:
    """Whether a wildcard covers an excluded name."""
    host = str(name.value).lower()
    return host.startswith("*.") and str(excluded.value).lower().endswith(host[1:])
