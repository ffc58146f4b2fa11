"""What lies where in a site's folder below pki/: cfssljson's names, and the generations' folders."""

from __future__ import annotations

CA = "ca"
NEXT, PREVIOUS, RETIRED = "next", "previous", "retired"
NEXT_CA, PREVIOUS_CA = f"{NEXT}/{CA}", f"{PREVIOUS}/{CA}"
JOURNAL, LEDGER = "issued.jsonl", "sightings.jsonl"


def certificate_file(name: str) -> str:
    """cfssljson's name for a certificate."""
    return f"{name}.pem"


def key_file(name: str) -> str:
    """cfssljson's name for a key."""
    return f"{name}-key.pem"


def request_file(name: str) -> str:
    """cfssljson's name for a signing request."""
    return f"{name}.csr"


def der_file(name: str) -> str:
    """The DER form that a CA has beside it, as ``openssl x509 -outform der`` gives it."""
    return f"{name}.crt"


def is_ca(name: str) -> bool:
    """Whether this is the name of a CA, in whatever generation."""
    return name.rpartition("/")[2] == CA


def files_of(name: str) -> tuple[str, ...]:
    """All files that belong to a certificate or a CA."""
    files = (key_file(name), certificate_file(name), request_file(name))
    return (*files, der_file(name)) if is_ca(name) else files


def is_key(file: str) -> bool:
    """Whether a file of this name holds a private key."""
    return file.endswith("-key.pem")
