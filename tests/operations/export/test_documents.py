"""What an exported script says at its head, and the YAML that carries it."""

from __future__ import annotations

import gzip
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509

from anchorline.trust import export
from anchorline.trust.desired import DesiredTrust
from tests.operations.export.exported import done
from tests.operations.folder import System


def test_what_the_head_says(wanted: DesiredTrust) -> None:
    text = export.as_script(wanted)
    head = text[: text.index("export ")]
    for anchor in wanted.anchors:
        assert f"#   {anchor.subject}\n#     SHA-256 {anchor.sha256}\n#     ends {anchor.not_after:%Y-%m-%d}\n" in head
    assert "PRIVATE" not in text
    odd = replace(wanted.anchors[0], subject="CN=x\ntouch touched\r")
    text = export.as_script(replace(wanted, anchors=(odd,)))
    assert "#   CN=x?touch touched?\n" in text
    assert not [line for line in text.splitlines() if line.startswith("touch")]


def test_a_cloud_init_part_carries_the_script(wanted: DesiredTrust) -> None:
    text = export.as_cloud_init(wanted)
    assert text.startswith("#cloud-config\n")
    assert len(text) < 16 * 1024, "as much as clouds take"
    part = yaml.safe_load(text)
    [file] = part["write_files"]
    assert file["encoding"] == "gz+b64"
    assert gzip.decompress(b64decode(file["content"])).decode() == export.as_script(wanted)
    assert part["runcmd"] == [["sh", file["path"]]]


def test_a_daemon_set_runs_the_script_on_the_node(debian: System, wanted: DesiredTrust, tmp_path: Path) -> None:
    settings, daemons = yaml.safe_load_all(export.as_kubernetes(wanted, 'mirror.example.com/"box":1'))
    assert (settings["kind"], daemons["kind"]) == ("ConfigMap", "DaemonSet")
    assert settings["data"]["trust.sh"] == export.as_script(wanted)
    assert [
        each.fingerprint(each.signature_hash_algorithm)  # type: ignore[arg-type]
        for each in x509.load_pem_x509_certificates(settings["data"]["ca.crt"].encode())
    ]
    pod = daemons["spec"]["template"]["spec"]
    assert {each["image"] for each in (*pod["initContainers"], *pod["containers"])} == {'mirror.example.com/"box":1'}
    assert (
        daemons["spec"]["selector"]["matchLabels"].items() <= daemons["spec"]["template"]["metadata"]["labels"].items()
    )
    # the container's command, with chroot into the folder that plays the node
    debian.tool("chroot", f'[ "$1" = /host ] && shift && shift && exec {" ".join(debian.shell)} "$@"')
    (tmp_path / "trust.sh").write_text(settings["data"]["trust.sh"])
    [trust] = pod["initContainers"]
    command = [each.replace("/anchorline/", f"{tmp_path}/") for each in trust["command"]]
    assert debian.command(*command).returncode == 0
    assert done(debian, wanted) == "site blue: nothing to do"


def test_another_script_is_another_pod(sites: dict[str, DesiredTrust]) -> None:
    def annotations(wanted: DesiredTrust) -> Any:
        return list(yaml.safe_load_all(export.as_kubernetes(wanted)))[1]["spec"]["template"]["metadata"]["annotations"]

    blue = sites["blue"]
    assert annotations(blue) == annotations(blue) != annotations(replace(blue, hosts_line=""))


def test_a_bundle_for_trust_manager(wanted: DesiredTrust) -> None:
    bundle = yaml.safe_load(export.as_trust_manager(wanted))
    assert (bundle["apiVersion"], bundle["kind"]) == ("trust.cert-manager.io/v1alpha1", "Bundle")
    [source] = bundle["spec"]["sources"]
    assert source["inLine"] == "".join(anchor.pem for anchor in wanted.anchors)
