from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from anchorline.authority import stage
from anchorline.authority.generations import rotate
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.generations import generations
from anchorline.trust.observed import ObservedTrust
from anchorline.trust.plan import difference
from anchorline.trust.stores.merged import Keystore, Text
from tests.unit.blue import SPEC, after, spec_of


def words(wanted: DesiredTrust) -> dict[str, str]:
    return {wanted.anchors[0].sha256: "present"}


def test_a_new_host_holds_nothing(new: ObservedTrust, wanted: DesiredTrust) -> None:
    assert generations(new, wanted, words(wanted)) == {"system": (), "docker": (), "containerd": ()}


def test_a_settled_one_holds_it_in_every_store(settled: ObservedTrust, wanted: DesiredTrust) -> None:
    every = dict.fromkeys(("system", "docker", "containerd"), ("present",))
    assert generations(settled, wanted, words(wanted)) == every
    # what has no word goes by its digits
    assert generations(settled, wanted, {})["system"] == (wanted.anchors[0].sha256[:12],)


def test_a_store_that_is_not_kept_is_not_told(settled: ObservedTrust, wanted: DesiredTrust) -> None:
    assert set(generations(settled, replace(wanted, stores=("docker",)), words(wanted))) == {"docker"}


@pytest.mark.parametrize("how", ["altered", "gone", "for one name alone"])
def test_half_of_it_is_nothing(settled: ObservedTrust, wanted: DesiredTrust, how: str) -> None:
    ours = [path for path in settled.files if path.startswith("/etc/docker/") and path.endswith(".crt")]
    files = dict(settled.files)
    for path in ours[:1] if how == "for one name alone" else ours:
        if how == "altered":
            files[path] = "0" * 64
        else:
            del files[path]
    found = generations(replace(settled, files=files), wanted, words(wanted))
    assert found["docker"] == ()
    assert found["containerd"] == ("present",)


def test_what_openssl_passes_over_is_not_held(settled: ObservedTrust, wanted: DesiredTrust) -> None:
    assert generations(replace(settled, unhashed=settled.bundled), wanted, words(wanted))["system"] == ()


def test_a_ca_of_before_is_told_by_its_digits(settled: ObservedTrust, wanted: DesiredTrust) -> None:
    files = {
        **settled.files,
        "/usr/local/share/ca-certificates/anchorline-blue-abababababab.crt": "1" * 64,
        "/etc/docker/certs.d/registry.example.com/anchorline-blue-cdcdcdcdcdcd.crt": "2" * 64,
    }
    found = generations(replace(settled, files=files), wanted, words(wanted))
    assert found["system"] == ("abababababab", "present")
    assert found["docker"] == ("cdcdcdcdcdcd", "present")


def test_two_generations_side_by_side(tmp_path: Path, new: ObservedTrust) -> None:
    spec = spec_of(tmp_path, SPEC)
    stage(spec).commit()
    first = DesiredTrust.of(spec, stage(spec))
    rotate(spec).commit()
    staged = stage(spec)
    both = DesiredTrust.of(spec, staged)
    names = {each: "present" if each == staged.fingerprint else "next" for each in both.own}
    before = after(new, first, difference(new, first))
    assert generations(before, both, names)["docker"] == ("present",)
    then = after(before, both, difference(before, both))
    assert generations(then, both, names)["docker"] == ("next", "present")
    assert generations(then, both, names)["system"] == ("next", "present")


def test_keystores_hold_it_together_or_not(settled: ObservedTrust, wanted: DesiredTrust) -> None:
    stores = tuple(Keystore("java", "/usr/bin/keytool", path) for path in ("/a", "/b"))
    kept = replace(wanted, stores=("java",))
    name = wanted.anchors[0].name
    for holds, expected in ((("/a", "/b"), ("present",)), (("/a",), ())):
        others = replace(settled.merged_stores, keystores=stores, holds=frozenset((name, path) for path in holds))
        assert generations(replace(settled, merged_stores=others), kept, words(wanted)) == {"java": expected}


def test_a_file_of_others_that_names_it(settled: ObservedTrust, wanted: DesiredTrust) -> None:
    path = "/etc/rancher/k3s/registries.yaml"
    kept = replace(wanted, stores=("k3s",))
    lacking = replace(settled, merged_stores=replace(settled.merged_stores, texts={path: Text("", "-")}))
    assert generations(lacking, kept, words(wanted)) == {"k3s": ()}
    change = difference(lacking, kept)
    merged = {file.path: Text(file.content, file.mode) for file in change.merged}
    files = {**settled.files, **{file.path: file.sha256 for file in change.files}}
    whole = replace(settled, files=files, merged_stores=replace(settled.merged_stores, texts=merged))
    assert generations(whole, kept, words(wanted)) == {"k3s": ("present",)}
