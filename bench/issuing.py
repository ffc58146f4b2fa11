"""What issuing costs: 10,000 certificates in memory and on the disk, one by one, and a plan on all of them unchanged.

    .venv/bin/python bench/issuing.py [--certificates 10000]

Prints each with its bound. Ends with 1 where a bound is broken.

Other work on the machine falsifies it. Beside each rate stands what the same work costs here without us, at the same
time: the library alone, the disk alone.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))

from anchorline.authority import Staged, stage  # noqa: E402 (the checkout has to be on the path)
from anchorline.spec.model import Spec  # noqa: E402

MEMORY, DURABLE = 5000.0, 500.0
"""Certificates a second: in memory, with key and request; on the disk, each of their files synced."""
SAMPLE = 500
"""How often the work of others is done, to compare with."""


def declare(folder: Path, number: int) -> Spec:
    """A site with this many certificates."""
    requests = {f"host{n}": {"hosts": [f"host{n}.example.com"]} for n in range(number)}
    usages = {"default": {"usages": ["signing", "server auth"]}}
    given = {"version": 1, "site": "bench", "authority": {"CN": "CA"}, "signing": usages, "certificates": requests}
    return Spec.model_validate(given).model_copy(update={"folder": folder})


def library_alone(certificate: x509.Certificate) -> float:
    """A second: a key, a certificate with the extensions of another, and a request, by the library and nothing else."""
    issuer, names = ec.generate_private_key(ec.SECP256R1()), certificate.subject
    began = time.perf_counter()
    for _ in range(SAMPLE):
        key = ec.generate_private_key(ec.SECP256R1())
        dates = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        made = x509.CertificateBuilder(names, names, key.public_key(), x509.random_serial_number(), *dates)
        for extension in certificate.extensions:
            made = made.add_extension(extension.value, extension.critical)
        made.sign(issuer, hashes.SHA256())
        x509.CertificateSigningRequestBuilder(names).sign(key, hashes.SHA256())
    return SAMPLE / (time.perf_counter() - began)


def disk_alone(folder: Path) -> float:
    """A second: three files of a kilobyte, all written and then each synced, with nothing else done."""
    files = [folder / str(number) for number in range(3 * SAMPLE)]
    began = time.perf_counter()
    for file in files:
        file.write_bytes(bytes(1024))
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    return SAMPLE / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=10_000)
    number = parser.parse_args().certificates
    broken = False

    def tell(what: str, count: int, work: Callable[[], None], bound: float = 0, beside: str = "") -> None:
        nonlocal broken
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        broken |= count / wall < bound
        limit = f" (bound {bound:.0f}{beside})" if bound else ""
        sys.stdout.write(f"{what:<40} {count / wall:8.0f} a second{limit}, {wall:.2f} s, {cpu:.2f} s of them CPU\n")

    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        spec = declare(Path(folder), number)
        example = stage(declare(Path(other), 1)).certificate("host0")
        alone = f"; the library alone {library_alone(x509.load_pem_x509_certificate(example.pem.encode())):.0f}"
        made: list[Staged] = []
        tell("made in memory, with key and request", number, lambda: made.append(stage(spec)), MEMORY, alone)
        alone = f"; the disk alone {disk_alone(Path(other)):.0f}"
        tell("written and synced, in one commit", number, made[0].commit, DURABLE, alone)
        tell("the plan, nothing to do", number, lambda: made.append(stage(spec)))
        broken |= bool(made[1].changes)
    with tempfile.TemporaryDirectory() as folder:
        spec, count = declare(Path(folder), 1), 100
        stage(spec).commit()

        def each() -> None:
            for _ in range(count):
                stage(spec, only=["host0"], asked={"host0": True}).commit()

        tell("each in a commit of its own", count, each)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{'memory at the peak':<40} {peak:8.0f} MB\n")
    sys.exit(broken)


if __name__ == "__main__":
    main()
