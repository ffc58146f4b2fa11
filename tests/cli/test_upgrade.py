"""``anchorline upgrade``: a site that an older ``anchorline init`` made, and the refusals that name the command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from anchorline.init.calls import rewritten
from anchorline.renamed import RENAMED, REWRITTEN
from tests.operations.site import Site
from tests.preloaded import loaded

ROOT = Path(__file__).parents[2]
OLD = ROOT / "tests/data/site-20eb1c3"
"""What ``anchorline init`` of that commit wrote."""
EDITED = """\
#!/usr/bin/env python3
'''Ours, with a wörd: fleet.look'''
from anchorline import (
    authority, fleet as f, registry,
    trust, verify,  # the rooms
)
from anchorline.fleet import look as see

f . look(trust, registry, verify)  # fleet.look: a comment stays
authority.issue()
if True:
\ttrust.rollout(); trust.hand_over()
ö = "trust.hand_over()"; (verify
    .prove)()
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site over @fake hosts, with the old files."""
    made = Site.make(tmp_path)
    for name in REWRITTEN:
        (tmp_path / name).write_bytes((OLD / f"{name}.txt").read_bytes())
    return made


def upgrade(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return loaded("anchorline").run(["upgrade", *arguments], folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_what_nobody_edited_is_replaced(site: Site) -> None:
    others = {name: content for name, content in contents(site.folder).items() if name not in REWRITTEN}
    done = upgrade(site.folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{name}: nobody has edited it: replaced by this version's" for name in REWRITTEN
    ]
    assert contents(site.folder) == others | {name: (ROOT / name).read_bytes() for name in REWRITTEN}
    again = upgrade(site.folder)
    assert (again.returncode, again.stdout) == (0, ".: up to date, nothing to change\n")


def test_an_edited_file_keeps_all_but_the_names(site: Site) -> None:
    file = site.folder / "deploy.py"
    file.write_bytes(EDITED.encode())
    file.chmod(0o750)
    done = upgrade(site.folder.parent, site.folder.name)
    assert (done.returncode, done.stderr) == (0, "")
    here = f"{site.folder.name}/deploy.py"
    assert done.stdout.splitlines() == [
        f"{here}: fleet.look is fleet.gather now",
        f"{here}: trust.hand_over is rotation.promote now",
        f"{here}: verify.prove is verify.clients now",
        f"{here}: as it was, it is {here}.before",
        f"{site.folder.name}/config.py: nobody has edited it: replaced by this version's",
    ]
    expected = (
        EDITED.replace("f . look(", "f . gather(")
        .replace("import look as see", "import gather as see")
        .replace("; trust.hand_over()", "; rotation.promote()")
        .replace("    trust, verify,", "    rotation, trust, verify,")
        .replace(".prove)()", ".clients)()")
    )
    assert file.read_bytes() == expected.encode()
    assert (site.folder / "deploy.py.before").read_bytes() == EDITED.encode()
    assert file.stat().st_mode & 0o777 == 0o750
    assert "nothing to change" in upgrade(site.folder).stdout


def test_what_lies_beside_is_not_overwritten(site: Site) -> None:
    (site.folder / "deploy.py").write_text(EDITED)
    (site.folder / "deploy.py.before").write_text("another")
    assert "deploy.py.before-2\n" in upgrade(site.folder).stdout
    assert (site.folder / "deploy.py.before").read_text() == "another"
    assert (site.folder / "deploy.py.before-2").read_text() == EDITED


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_stay(end: str) -> None:
    text = f"from anchorline import trust{end}trust.hand_over(){end}"
    mark = b"\xef\xbb\xbf"
    new, _, left = rewritten(mark + text.encode(), Path("deploy.py"))
    assert left == []
    assert new == mark + f"from anchorline import rotation, trust{end}rotation.promote(){end}".encode()


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("from anchorline.verify import prove", "from anchorline.verify import clients as prove"),
        (
            "import anchorline.verify\nanchorline.verify.prove()",
            "import anchorline.verify\nanchorline.verify.clients()",
        ),
        (
            "from anchorline import spec\nfrom anchorline.fleet import guard\nguard.stand()",
            "from anchorline import report, spec\nfrom anchorline.fleet import guard\nreport.install_hooks()",
        ),
        ("import anchorline.report as r\nr.stand()", "import anchorline.report as r\nr.install_hooks()"),
        (
            "from anchorline import authority\nfrom anchorline import trust\ntrust.hand_over()",
            "from anchorline import authority, rotation\nfrom anchorline import trust\nrotation.promote()",
        ),
        (
            "from anchorline import rotation, trust\ntrust.hand_over()",
            "from anchorline import rotation, trust\nrotation.promote()",
        ),
        ("trust.hand_over()", "trust.hand_over()"),
        ("from others import trust\ntrust.hand_over()", "from others import trust\ntrust.hand_over()"),
    ],
)
def test_ways_to_import(text: str, new: str) -> None:
    assert rewritten(text.encode(), Path("deploy.py"))[0].decode() == new


@pytest.mark.parametrize(
    "text",
    [
        "from anchorline.trust import hand_over",
        "import anchorline.trust\nanchorline.trust.hand_over()",
        "from anchorline import trust\nrotation = 1\ntrust.hand_over()",
    ],
)
def test_what_a_program_had_better_not_change(site: Site, text: str) -> None:
    (site.folder / "deploy.py").write_text(text)
    before = contents(site.folder)
    refused = upgrade(site.folder)
    line = text.count("\n") + 1
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"deploy.py:{line}: anchorline.trust.hand_over is anchorline.rotation.promote now; "
        "write it there by hand, then run this again\n"
    )
    assert contents(site.folder) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"trust.(\n", "deploy.py:1: Python can't read it: invalid syntax; fix the line, then run this again\n"),
        (b"# \xff\n", "deploy.py: this isn't UTF-8; write it in UTF-8, then run this again\n"),
        (b"\0", "deploy.py: Python can't read it: source code string cannot contain null bytes; fix the line"),
    ],
)
def test_a_file_that_cannot_be_read(site: Site, content: bytes, said: str) -> None:
    (site.folder / "deploy.py").write_bytes(content)
    before = contents(site.folder)
    refused = upgrade(site.folder)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(said)
    assert contents(site.folder) == before, "config.py stays as well"


def test_no_site(tmp_path: Path) -> None:
    refused = upgrade(tmp_path)
    assert refused.returncode == 1
    assert (
        refused.stderr
        == ".: there is no deploy.py and no config.py here; name the folder of a site: anchorline upgrade DIR\n"
    )
    assert upgrade(tmp_path, "nowhere").returncode == 1


def test_a_folder_that_cannot_be_written(site: Site) -> None:
    before = contents(site.folder)
    # a folder in the place of the draft: root may write everywhere else
    script = (
        "import os, sys; from pathlib import Path; Path(f'.deploy.py.{os.getpid()}').mkdir(); "
        "sys.argv = ['anchorline', 'upgrade']; from anchorline.cli.main import main; main()"
    )
    refused = subprocess.run([sys.executable, "-c", script], cwd=site.folder, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "File exists; it is as it was\n" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert contents(site.folder) == before


def test_a_link_stays_one(site: Site, tmp_path: Path) -> None:
    shared = tmp_path / "shared.py"
    (site.folder / "deploy.py").rename(shared)
    (site.folder / "deploy.py").symlink_to(shared)
    assert upgrade(site.folder).returncode == 0
    assert (site.folder / "deploy.py").readlink() == shared
    assert shared.read_bytes() == (ROOT / "deploy.py").read_bytes()


def test_a_run_names_the_command(site: Site) -> None:
    """First config.py, then deploy.py: each is refused, nothing is done, and afterwards the site is deployed."""
    site.new("registry")
    for name in ("config.py", "deploy.py"):
        refused = site.deploy()
        assert refused.code == 1
        assert refused.commands == {}
        assert f"this site's {name} is of an older anchorline" in refused.said
        assert "run `anchorline upgrade` in the site's folder, then run this again" in " ".join(refused.said.split())
        assert "Traceback" not in refused.said
        assert "anchorline/fleet" not in refused.said
        (site.folder / name).write_bytes((ROOT / name).read_bytes())
    assert "is of an older anchorline" not in site.deploy().said


def test_a_config_of_before_reports(site: Site) -> None:
    """Such a config.py has no import that one more package could stand in: it is named, by a run and by the command."""
    site.new("registry")
    config = site.folder / "config.py"
    config.write_text("from anchorline.fleet import guard\n\nguard.stand()  # edited\n")
    refused, left = site.deploy(), upgrade(site.folder)
    assert (refused.code, refused.commands) == (1, {})
    assert "this site's config.py is of an older anchorline: it has anchorline.fleet.guard.stand" in refused.said
    assert "Traceback" not in refused.said
    new = "anchorline.report.install_hooks now; write it there by hand, then run this again"
    assert left.stderr == f"config.py:3: anchorline.fleet.guard.stand is {new}\n"


def test_the_command_line_is_told_the_step(site: Site) -> None:
    upgrade(site.folder)
    site.new("registry")
    for step in ("anchorline.verify.prove", "anchorline.verify:prove", "anchorline.trust.hand_over"):
        refused = site.run("-y", "inventory", step)
        name = step.replace(":", ".")
        assert refused.code == 1
        assert refused.commands == {}
        assert f"{name} is a step of an older anchorline" in refused.said
        assert f"type {RENAMED[name]} in its place" in refused.said
        assert "Traceback" not in refused.said
    unknown = site.run("-y", "inventory", "anchorline.verify.proof")
    assert "No such attribute in module anchorline.verify: proof" in unknown.said


def test_every_new_name_is_there() -> None:
    script = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    module, _, attribute = name.rpartition('.')\n"
        "    getattr(importlib.import_module(module), attribute)"
    )
    subprocess.run([sys.executable, "-c", script, *RENAMED.values()], check=True, cwd=ROOT)
