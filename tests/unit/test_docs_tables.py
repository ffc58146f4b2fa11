"""The documentation's tables against those of the code."""

from __future__ import annotations

import re

from anchorline.fleet.scripts import LOCK, REMEMBERED, state_folder
from anchorline.registry import distribution
from anchorline.registry.desired import SITE_LABEL, SPEC_LABEL
from anchorline.report.forms import SUFFIXES
from anchorline.report.prometheus import METRICS
from anchorline.spec.model import Registry
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ANCHOR, OURS
from anchorline.trust.processes.stale import STAMPS
from anchorline.trust.stores.families import FAMILIES
from anchorline.trust.stores.runtimes import RUNTIMES
from anchorline.trust.stores.third_party import CONFIGURATIONS, OWNED_FILES, bundle
from tests.unit.documents import README, ROOT, as_table, cells


def table_of_files() -> list[str]:
    rows = cells(README.read_text(), "## Every file it writes on a host")
    return [code for row in rows for code in re.findall(r"`(/[^`]+)`", row[0])]


def written() -> set[str]:
    """The paths that the code's tables make, in the README's words."""
    anchor = "anchorline-SITE-HASH.crt"
    registry = Registry.model_validate({"address": "registry.example.com", "certificate": "server"})
    state = state_folder("SITE")
    return {
        *(family.path(anchor) for family in FAMILIES if not family.declared),
        *(family.banned(anchor) for family in FAMILIES if family.blocklist),
        *(
            file.path
            for row in RUNTIMES.values()
            if row.folder[0] == "/"
            for file in row.files(row.folder, "SITE", ["NAME"], [(anchor, "")])
        ),
        *(row.path for row in CONFIGURATIONS),
        *(path for row in OWNED_FILES for path in row.paths("SITE", ["HOST"])),
        bundle("SITE"),
        "/etc/hosts",
        DesiredTrust("SITE", (), frozenset(), (), (), (), "").marker_file,
        *distribution.instance("SITE", registry).paths,
        *(f"{state}/{name}" for name in REMEMBERED),
        LOCK,
        f"{STAMPS}/SITE/changed",
        f"{STAMPS}/SITE.sh",
    }


def test_every_file_on_a_host_is_told() -> None:
    assert sorted(table_of_files()) == sorted(written())


def test_labels_and_marks_are_the_codes() -> None:
    text = README.read_text()
    assert f"`{SITE_LABEL}`" in text
    assert f"`{SPEC_LABEL}`" in text
    assert f"`{OURS}SITE`" in text
    anchors = [path.replace("SITE", "blue").replace("HASH", "0123456789ab") for path in table_of_files()]
    assert any(ANCHOR.search(path) for path in anchors)
    assert [path for path in anchors if "/anchorline-blue-" in path and not ANCHOR.search(path)] == []


def test_the_table_of_families_is_current() -> None:
    rows = [
        [
            family.name,
            ", ".join(sorted(family.ids)),
            f"`{family.folder}/*{family.suffix}`",
            f"`{family.update}`",
            "<br>".join(f"`{each}`" for each in (family.bundle, family.hashed, family.p11, family.java) if each),
            family.verified,
        ]
        for family in FAMILIES
    ]
    assert cells((ROOT / "docs/trust.md").read_text(), "<!-- families -->") == rows, as_table(rows)


def test_the_table_of_runtimes_is_current() -> None:
    rows = [
        [
            runtime.name if runtime.name == runtime.kept_as else f"{runtime.name} ({runtime.kept_as})",
            f"`{runtime.folder}/NAME`",
            ", ".join(f"`{each}`" for each in runtime.used) + (f" and `{runtime.socket}`" if runtime.socket else ""),
            "anchors, `hosts.toml`" if runtime.hosts_toml else "anchors",
        ]
        for runtime in RUNTIMES.values()
    ]
    assert cells((ROOT / "docs/trust.md").read_text(), "<!-- runtimes -->") == rows, as_table(rows)


def test_the_table_of_configurations_is_current() -> None:
    rows = [
        [row.store, f"`{row.path}`", ", ".join(f"`{each}`" for each in row.used), row.word] for row in CONFIGURATIONS
    ]
    assert cells((ROOT / "docs/trust.md").read_text(), "<!-- configurations -->") == rows, as_table(rows)


def test_the_forms_and_the_metrics_are_those_of_the_code() -> None:
    page = (ROOT / "docs/report.md").read_text()
    forms = {row[1].strip("`"): row[0].strip("`") for row in cells(page, "## For programs")}
    assert forms == SUFFIXES
    metrics = [(row[0].strip("`"), row[1]) for row in cells(page, "## Metrics")]
    assert metrics == [(f"anchorline_{each.name}", each.says) for each in METRICS]
