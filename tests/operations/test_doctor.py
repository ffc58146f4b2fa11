"""The doctor by the real command line, over @fake hosts: one exec each, its exit code, and what it leaves alone."""

from __future__ import annotations

import base64
import json
import shutil
import time

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from anchorline.authority import Staged

from .site import END, LOOK, Site

STEP = "anchorline.verify.doctor"
NAME = "registry.example.com"


def answers(site: Site, staged: Staged, host: str, *more: str, address: str = "address 192.0.2.10") -> None:
    """What a host says to the doctor, which is well unless more is said."""
    trust = site.answer(host, staged, known=True)[LOOK]["stdout"]
    leaf = x509.load_pem_x509_certificate(staged.certificate("server").pem.encode())
    served = base64.b64encode(leaf.public_bytes(Encoding.DER)).decode()
    here = [
        f"clock {int(time.time())}",
        address,
        "reachability open",
        f"served {served}",
        "proxy - - -",
        "curl 0",
        *more,
    ]
    end = next(number for number, line in enumerate(trust) if line.startswith("=== ") and line != "=== trust")
    site.says(host, stdout=[*trust[:end], "=== doctor", *here, END])


def test_one_exec_each_and_an_exit_code(site: Site) -> None:
    staged = site.commit()
    for host in ("registry", "a", "b"):
        answers(site, staged, host)
    before = site.trace()
    well = site.run("-y", "inventory", STEP)
    assert well.code == 0, well.said
    assert well.counts == {"registry": 1, "a": 1, "b": 1}
    answers(site, staged, "b", "down docker")
    ill = site.run("-y", "inventory", STEP)
    assert ill.code == 1
    assert ill.counts == {"registry": 1, "a": 1, "b": 1}
    assert "doctor: docker doesn't answer" in ill.summary("b")
    assert "@fake/b: doctor: docker doesn't answer\n  on the host: systemctl start docker\n" in ill.err
    assert "well" in ill.summary("a")
    assert site.trace() == before


def test_without_yes_and_as_json(site: Site) -> None:
    staged = site.commit()
    answers(site, staged, "registry")
    answers(site, staged, "a", address="reachability odd")
    plan = site.run("--dry", "inventory", STEP)
    assert plan.code == 1
    assert f"{NAME} doesn't resolve" in plan.summary("a")
    told = site.run("-y", "--json", "inventory", STEP)
    assert told.code == 1
    assert json.loads(told.out)["results"]["failed_hosts"] == ["@fake/a"]
    assert f"{NAME} doesn't resolve" in told.summary("a")


def test_no_key_is_needed(site: Site) -> None:
    staged = site.commit()
    answers(site, staged, "registry")
    for file in (site.pki / "blue").iterdir():
        if file.name != "ca.pem":
            file.unlink()
    assert site.run("-y", "inventory", STEP).code == 0
    shutil.rmtree(site.pki)
    lost = site.run("-y", "inventory", STEP)
    assert lost.code == 1
    assert "has no CA, so there is nothing to hold a host against: deploy first" in lost.err
    assert "Traceback" not in lost.err


def test_many_sick_hosts_are_all_examined(site: Site) -> None:
    """No limit stops it: what is broken everywhere is what it is for."""
    staged = site.commit()
    hosts = ("registry", *"abcdefgh")
    for host in hosts:
        answers(site, staged, host, "down docker")
    ran = site.run("-y", "inventory", STEP)
    assert ran.code == 1
    assert all("docker doesn't answer" in ran.summary(host) for host in hosts)
