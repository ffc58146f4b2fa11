"""The documentation against the code: links, commands, specs, tables, messages. Each reader must find something."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from anchorline.authority.anchors import Anchor
from anchorline.fleet.scripts import File, state_folder
from anchorline.registry import distribution
from anchorline.registry.desired import SITE_LABEL, SPEC_LABEL
from anchorline.report.forms import SUFFIXES
from anchorline.report.prometheus import METRICS
from anchorline.spec import check
from anchorline.spec.model import Registry
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import OURS
from anchorline.trust.processes.stale import STAMPS
from anchorline.trust.stores.families import FAMILIES
from anchorline.trust.stores.runtimes import RUNTIMES, Runtime
from anchorline.trust.stores.third_party import CONFIGURATIONS, OWNED_FILES, bundle
from tests.unit.documents import PAGES, README, ROOT, all_commands, as_table, blocks, cells, parses, prose, slug

OURS_ALONE = [page for page in PAGES if page.parent.name != "lab"]
SOURCES = [path for path in sorted((ROOT / "anchorline").rglob("*")) if path.suffix in (".py", ".sh")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text())):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in {slug(each) for each in re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)}, target


def test_every_page_is_in_the_readme() -> None:
    linked = set(re.findall(r"\]\((docs/[\w-]+\.md)\)", README.read_text()))
    assert linked == {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}


@pytest.mark.parametrize("page", OURS_ALONE, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_fit_a_screen(page: Path) -> None:
    wide = [line for line in prose(page.read_text()).splitlines() if len(line) > 110 and line[:1] not in ("|", " ")]
    assert wide == []


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {code.split()[1] for code in all_commands("make")}
    assert {"demo", "test", "setup", "lab-down"} <= named <= targets


def test_anchorlines_commands_parse() -> None:
    lines = all_commands("anchorline")
    assert len({tuple(line.split()[1:3]) for line in lines}) >= 4, lines
    for line in lines:
        parses(line)
    for wrong in ("anchorline chek", "anchorline check --nosuch", "anchorline pki nosuch"):
        with pytest.raises(click.UsageError):
            parses(wrong)


def test_pyinfras_options_exist() -> None:
    lines = all_commands("pyinfra")
    assert any("--dry" in line for line in lines)
    pyinfra = Path(sys.executable).with_name("pyinfra")
    known = subprocess.run([pyinfra, "--help"], capture_output=True, text=True, check=True).stdout
    for line in lines:
        options = [word for word in shlex.split(line.partition(" -- ")[0]) if word.startswith("-")]
        assert all(re.search(rf"{option}\b", known) for option in options), line
        for word in line.split():
            if word.startswith("anchorline."):
                _, room, step = word.split(".")
                assert re.search(
                    rf"^def {step}\(", (ROOT / "anchorline" / room / "deploy.py").read_text(), re.MULTILINE
                )


def specs() -> list[tuple[str, str]]:
    marked = re.compile(r"<!-- spec -->\n```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    return [(page.name, text) for page in PAGES for text in marked.findall(page.read_text())]


def test_specs_are_marked() -> None:
    """A YAML block that is a whole spec isn't forgotten."""
    whole = [body for page in PAGES for language, body in blocks(page.read_text()) if body.startswith("version:")]
    assert sorted(whole) == sorted(text for _, text in specs())
    assert len(whole) >= 4


@pytest.mark.parametrize(("page", "text"), specs())
def test_specs_have_no_error(page: str, text: str, tmp_path: Path) -> None:
    for file in (ROOT / "tests/data/seed").iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "company-root.pem").write_text("read by the authority, not by the check\n")
    file = tmp_path / "anchorline.yml"
    file.write_text(text)
    assert check(file).errors == (), page


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
        *(f"{state}/{name}" for name in in_state()),
        f"{STAMPS}/SITE/changed",
        f"{STAMPS}/SITE.sh",
    }


def made_by(row: Runtime, anchor: str) -> list[File]:
    return row.files(row.folder, "SITE", ["NAME"], [(anchor, "")])


def in_state() -> set[str]:
    """What the other scripts write below the state folder."""
    text = "".join(path.read_text() for path in SOURCES if path.suffix == ".sh").replace("$fresh", "")
    return set(re.findall(r">\"\$state/([\w.]+)\"", text))


def test_every_file_on_a_host_is_told() -> None:
    assert sorted(table_of_files()) == sorted(written())


def test_labels_and_marks_are_the_codes() -> None:
    text = README.read_text()
    assert f"`{SITE_LABEL}`" in text
    assert f"`{SPEC_LABEL}`" in text
    assert f"`{OURS}SITE`" in text
    assert "anchorline-{site}-{sha256[:12]}.crt" in Path(sys.modules[Anchor.__module__].__file__ or "").read_text()


def undo() -> str:
    (script,) = [body for language, body in blocks(README.read_text()) if language == "sh"]
    return script


BY_HAND = [row for row in RUNTIMES.values() if row.folder.startswith("/etc/")]
TRIED = [family for family in FAMILIES if family.verified != "documentation"]


def test_undo_names_each_family_and_runtime() -> None:
    script = undo()
    for family in TRIED:
        assert f"{family.folder}/anchorline-production-" in script
        assert f"\n{family.repair.rpartition('/')[2]}\n" in script
    assert all(f"{row.folder}/*/anchorline-production-" in script for row in BY_HAND)


def test_undo_takes_this_site_away_and_no_other(tmp_path: Path) -> None:
    """The README's own commands, over a folder in the place of a host."""
    tools, host = tmp_path / "tools", tmp_path / "host"
    tools.mkdir()
    for tool in ("update-ca-certificates", "update-ca-trust", "docker"):
        (tools / tool).write_text(f'#!/bin/sh\necho "{tool} $*" >>{tmp_path}/ran\n')
        (tools / tool).chmod(0o755)
    stays: list[str] = []
    goes: list[str] = []
    for site, files in (("production", goes), ("production-eu", stays)):
        anchor = f"anchorline-{site}-0123456789ab.crt"
        files += [family.path(anchor) for family in TRIED]
        for runtime in BY_HAND:
            made = runtime.files(runtime.folder, site, [f"{site}.example.com"], [(anchor, "pem")])
            files += [file.path for file in made]
            for file in made:
                (host / file.path[1:]).parent.mkdir(parents=True, exist_ok=True)
                (host / file.path[1:]).write_text(file.content)
        files.append(f"{state_folder(site)}/anchors")
        for path in files:
            (host / path[1:]).parent.mkdir(parents=True, exist_ok=True)
            (host / path[1:]).touch()
    lines = [f"192.0.2.10 a {OURS}production\n", f"192.0.2.10 b {OURS}production-eu\n", "127.0.0.1 localhost\n"]
    (host / "etc/hosts").write_text("".join(lines))
    moved = re.sub(r"(?<= )/(?=etc|usr|var)", f"{host}/", undo())
    assert not re.search(r"[\s'\"=]/\w", moved.replace(f"{host}/", "")), "it must not touch this machine"
    subprocess.run(["sh", "-c", moved], env={"PATH": f"{tools}:/usr/bin:/bin"}, check=True)
    assert [path for path in goes if (host / path[1:]).exists()] == []
    assert [path for path in stays if not (host / path[1:]).exists()] == []
    assert not list(host.glob("etc/*/certs.d/production.example.com"))
    assert (host / "etc/hosts").read_text() == "".join(lines[1:])
    assert "docker rm -f registry\n" in (tmp_path / "ran").read_text()


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


# said by sudo, openssl, Go and curl, not by us
OF_OTHERS = {
    *("sudo: a password is required", "certificate signed by unknown authority", "SSL certificate problem"),
    *("certificate has expired or is not yet valid", "no such host", "Could not resolve host"),
    *("connection refused", "i/o timeout"),
}


def test_the_messages_are_the_codes() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text()
    first = re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE)
    said = [message for cell in first for message in re.findall(r"`([^`]+)`", cell)]
    assert len(said) >= 50
    code = re.sub(r"['\"]\s*\n\s*f?['\"]", "", "\n".join(path.read_text() for path in SOURCES))
    assert [message for message in said if message not in OF_OTHERS and message not in code] == []
    assert set(said) >= OF_OTHERS


def test_the_forms_and_the_metrics_are_those_of_the_code() -> None:
    page = (ROOT / "docs/report.md").read_text()
    forms = {row[1].strip("`"): row[0].strip("`") for row in cells(page, "## For programs")}
    assert forms == SUFFIXES
    metrics = [(row[0].strip("`"), row[1]) for row in cells(page, "## Metrics")]
    assert metrics == [(f"anchorline_{each.name}", each.says) for each in METRICS]


def test_packages_import_one_way() -> None:
    """The order of docs/architecture.md, over what the modules say that they import."""
    rows = cells((ROOT / "docs/architecture.md").read_text(), "## Packages")
    order = [row[0].strip("`") for row in rows]
    there = {path.stem for path in (ROOT / "anchorline").iterdir() if path.is_dir() or path.suffix == ".py"}
    assert set(order) == there - {"__init__", "__pycache__", "py"}
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        if path.suffix == ".py"
        for name in rooms_imported(path)
        if name in order and order.index(name) > order.index(room_of(path))
    ]
    assert wrong == []


def room_of(path: Path) -> str:
    """The room of a module; the package itself, whose docstring alone counts, is before all of them."""
    room = path.relative_to(ROOT / "anchorline").parts[0].removesuffix(".py")
    return "errors" if room == "__init__" else room


def rooms_imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "anchorline":
            _, _, below = node.module.partition(".")
            yield from [below.partition(".")[0]] if below else [alias.name for alias in node.names]
