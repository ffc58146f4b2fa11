"""Whatever a host says, and wherever it says it: no output has a character that harms, and none is without bounds."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from anchorline.authority import sightings, stage
from anchorline.authority.certificates import fingerprint
from anchorline.authority.generations import rotate
from anchorline.authority.layout import NEXT_CA
from anchorline.authority.sightings import Sighting
from anchorline.authority.store import Store
from anchorline.authority.survey import survey
from anchorline.characters import quoted, visible
from anchorline.cli.main import cli
from anchorline.errors import AnchorlineError, SpecError
from anchorline.fleet import operations
from anchorline.fleet.failed import Failed, remember
from anchorline.fleet.fleet import MOST_NOTES, Fleet, Host
from anchorline.fleet.run import MOST_REASONS, Run, failing
from anchorline.fleet.ssh import Answer
from anchorline.fleet.steps import Step
from anchorline.problem import LONGEST_CAUSE, LONGEST_FIX, Health, Place, Problem, ProblemError, Where
from anchorline.registry import daemon, distribution
from anchorline.registry.observed import DataState, FoundContainer, FoundData, ObservedRegistry
from anchorline.registry.plan import conflicts
from anchorline.report.forms import FORMS
from anchorline.report.model import MOST, CertificateReport, Condition, HostReport, Kind, RegistryReport, Report
from anchorline.report.text import show
from anchorline.spec import Spec, load
from anchorline.spec.model import Registry
from anchorline.verify.access import Denied
from tests.unit.reports import NOW, life
from tests.unit.tools import lacking

PIECES = (
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m\x85\x90",
    "\u202egnp.exe\u2066\u2069\u200f\u061c",
    "\ud800\udcff",
    "a\nb\r\nc\vd\fe",
    "\n  - refused: all is well",
    "\x00\x08\x7f",
    "\u2028\u2029\ufeff\u00ad",
    "'; reboot; echo `id` $(id) \"",
    "<script>|`*_",
    "ü plain",
)
HOSTILE = st.builds(
    lambda pieces, times: "".join(pieces) * times,
    st.lists(st.sampled_from(PIECES) | st.text(max_size=5) | st.characters(categories=["Cc", "Cf", "Cs"]), min_size=1),
    st.sampled_from([1, 1, 7]),
) | st.builds(lambda piece: piece * (200_000 // len(piece)), st.sampled_from(PIECES))
"""What a host may say: up to 200 KB."""
thoroughly = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
MARKS = "\u200e\u200f\u061c"


def harm(text: str, *, lines: bool = False) -> list[str]:
    """The characters that a terminal or a document obeys, or that no encoder takes."""
    ours = "\n\t" if lines else ""
    return [
        each
        for each in text
        if each not in ours
        and (unicodedata.category(each) in ("Cc", "Cs") or unicodedata.bidirectional(each) in TURNS or each in MARKS)
    ]


def test_harm_is_found() -> None:
    assert all(harm(each) for each in PIECES[:7])
    assert not harm("ü plain ␛ �\N{GRINNING FACE}")
    assert not harm("a\n\tb", lines=True)


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in (*value.keys(), *value.values()):
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def report(said: str) -> Report:
    """A report in which every word that a host can have said is this one."""
    words = (said, said[::-1])
    problem = Problem(f"port 443 is taken by {said}", f"chmod o+r {quoted(said)}", Where.ON_THE_HOST)
    served = life()
    host = HostReport(
        "a",
        Condition.DIFFERS,
        findings=(problem, Problem(said, said, health=Health.WARNING)),
        system=said,
        runtimes=words,
        stores={said: words},
        served=type(served)(said, said, words, served.begins, served.ends, served.days, said, said),
        stale=words,
        drift=words,
        changes=words,
        notes=words,
        verification=said,
    )
    registry = RegistryReport("a", "registry.example.com", "remote", Health.BAD, said, said, said, 1, 1, 1, 1)
    ours = CertificateReport("server", "ok", "", Health.GOOD, issues=False, life=served)
    return Report(Kind.STATUS, "blue", "anchorline.yml", NOW, (host,), (ours,), registry, findings=(problem,))


@pytest.mark.parametrize("form", FORMS)
@thoroughly
@given(HOSTILE)
def test_every_form_of_a_report(form: str, said: str) -> None:
    drawn = FORMS[form](report(said))
    drawn.encode("utf-8")
    assert not harm(drawn, lines=True)
    # one host with some thirty words, of which each stands once or a few times, escaped
    assert len(drawn) < 400_000
    if form == "json":
        found = [*strings(json.loads(drawn))]
        assert not [each for each in found if harm(each)]
        assert max(map(len, found)) <= LONGEST_FIX


@thoroughly
@given(HOSTILE, st.sampled_from(["ascii", "latin-1", "utf-8"]))
def test_a_report_on_any_terminal(said: str, encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace")
    show(report(said), Console(file=stream, width=80, color_system=None, force_terminal=True))
    stream.flush()
    assert not harm(stream.buffer.getvalue().decode(encoding), lines=True)


def test_thousands_of_notes_are_counted() -> None:
    many = tuple(f"note {number}" for number in range(50_000))
    told = HostReport("a", Condition.CHANGED, notes=many, findings=tuple(map(Problem, many)))
    assert len(told.notes) == len(told.findings) == MOST + 1
    assert told.notes[-1] == told.findings[-1].cause == f"and {50_000 - MOST:,} more"
    few = HostReport("a", Condition.CHANGED, notes=many[:MOST])
    assert few.notes == many[:MOST]


def test_thousands_of_notes_of_a_run_are_not_kept(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "anchorline.yml", {"a": Host("a"), "b": Host("b")})
    for number in range(100_000):
        fleet.note(fleet.hosts["a"], f"note {number}")
    for _ in range(2):
        fleet.note(fleet.hosts["b"], "once\x1b")
    assert len(fleet.notes["a"]) == MOST_NOTES
    assert fleet.notes["a"][-1] == "and more"
    assert fleet.notes["b"] == ["once␛"]


@thoroughly
@given(HOSTILE)
def test_every_error(said: str) -> None:
    problem = Problem(said, said, Place(Path("anchorline.yml"), 1, said[:1000].replace("\0", "")))
    errors = (
        AnchorlineError(said, said),
        AnchorlineError.of([problem, problem], "refused, and nothing was changed:"),
        SpecError([problem]),
        ProblemError(said, said),
        ProblemError(problem),
    )
    for error in errors:
        assert not harm(str(error), lines=True)
        # what a host said makes no line that looks like ours
        assert str(error).count("\n") == (2 if "nothing was changed" in str(error) else 0)
        assert len(str(error)) < 2 * (LONGEST_CAUSE + LONGEST_FIX + 2000)
    for each in (problem, problem.about(said), daemon.down(said, said), Answer(False, stderr=(said,)).problem):
        assert not harm(str(each))
        assert len(each.cause) <= LONGEST_CAUSE
        assert len(each.fix) <= LONGEST_FIX


@thoroughly
@given(HOSTILE)
def test_the_registrys_host(said: str) -> None:
    wanted = distribution.instance("blue", Registry(mode="local"))
    theirs = FoundContainer(said, said, said, said)
    has = ObservedRegistry(said, container=theirs, before=theirs, port=said, free=1, health=said)
    has = replace(has, data=FoundData(DataState.OF, said))
    found = [*conflicts(has, wanted)]
    assert len(found) >= 3
    assert not [each for each in found if harm(str(each))]
    assert max(len(str(each)) for each in found) < LONGEST_CAUSE + 1000


PYINFRA = logging.getLogger("pyinfra")


class Spoken(logging.Handler):
    """What is said on standard error."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def spoken(stderr: Sequence[str], monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[Fleet, list[str]]:
    """What a change that failed so says, and the fleet after it."""
    fleet, handler = Fleet(folder / "anchorline.yml", {"a": Host("a")}), Spoken()
    host: Any = SimpleNamespace(name="a", print_prefix="[a] ")
    monkeypatch.setattr(operations, "ask", lambda *_, **__: Answer(False, (), tuple(stderr)))
    monkeypatch.setattr(Run, "of", lambda _: SimpleNamespace(fleet=fleet))
    PYINFRA.addHandler(handler)
    try:
        assert operations.changing(Step.TRUST, "false").function(None, host) is False
        failing(Problem("\n".join(stderr))).function(None, host)
    finally:
        PYINFRA.removeHandler(handler)
    return fleet, handler.lines


@thoroughly
@given(said=HOSTILE)
def test_a_change_that_failed(said: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fleet, lines = spoken([said, "x" * 65536, said], patch, tmp_path_factory.getbasetemp())
    assert len(lines) == 4
    assert not [each for each in lines if harm(each)]
    assert max(map(len, lines)) < LONGEST_CAUSE + 100
    assert not harm(fleet.failures["a"].problem.cause)
    assert len(fleet.failures["a"].problem.cause) <= 500


def test_thousands_of_lines_are_not_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, lines = spoken([f"line {number}" for number in range(50_000)], monkeypatch, tmp_path)
    assert len(lines) == operations.SAID + 1
    assert lines[operations.SAID - 1] == "[a] line 49999", "the last one tells the cause"


def test_many_reasons_against_a_plan_are_counted(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "anchorline.yml", {})
    reasons = [Problem(f"reason {number}") for number in range(5000)]
    probe: Any = SimpleNamespace(preflight=lambda _: reasons)
    fleet.probes["x"] = probe
    run = Run(None, fleet)  # type: ignore[arg-type]  # the preflight asks no state
    with pytest.raises(AnchorlineError) as refused:
        run.preflight()
    lines = str(refused.value).splitlines()
    assert len(lines) == MOST_REASONS + 2
    assert lines[-1].startswith(f"  - {5000 - MOST_REASONS:,} more reasons")


TEXT = """
version: 1
site: test
authority: {CN: Fleet CA}
signing: {profiles: {server: {expiry: 90d, usages: [signing, server auth]}}}
certificates: {server: {profile: server, CN: a.example.com, hosts: [a.example.com]}}
"""


@pytest.fixture(scope="module")
def rotating(tmp_path_factory: pytest.TempPathFactory) -> tuple[Spec, str]:
    """A site, and the CA that its hosts are to trust next."""
    folder = tmp_path_factory.mktemp("rotating")
    (folder / "anchorline.yml").write_text(TEXT)
    spec = load(folder / "anchorline.yml")
    stage(spec).commit()
    rotate(spec).commit()
    root = survey(spec).generations[NEXT_CA].root
    return spec, fingerprint(root)


@thoroughly
@given(said=HOSTILE)
def test_the_ledger_of_a_rotation(said: str, rotating: tuple[Spec, str]) -> None:
    """As a version before this one wrote it, or as somebody did."""
    spec, digest = rotating
    folder = spec.file.parent
    line = {"host": "a", "sha256": digest, "seen": "", "why": said}
    (spec.pki / "sightings.jsonl").write_text(json.dumps(line) + "\n" + json.dumps(line | {"host": "b", "why": 5}))
    noted = sightings.read(Store(spec.pki), digest)
    assert {*noted} == {"a"}, "what isn't a text is a damaged line"
    shown = {
        form: CliRunner().invoke(
            cli, ["pki", "show", "--spec", str(folder / "anchorline.yml"), "--format", form], catch_exceptions=False
        )
        for form in ("text", "json")
    }
    assert not harm(shown["text"].output, lines=True)
    assert "missing a: " in shown["text"].output
    assert not [each for each in strings(json.loads(shown["json"].output)) if harm(each)]
    assert all(len(each.output) < 40_000 for each in shown.values())


def test_a_sighting_is_cleaned_where_it_is_made() -> None:
    assert Sighting("a", "0" * 64, why="trust: \x1b[2J\u202e").why == "trust: ␛[2J�"


@thoroughly
@given(said=HOSTILE)
def test_the_failed_hosts(said: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Names are the inventory's: they stay as they are, in a file that is ASCII."""
    folder = tmp_path_factory.mktemp("site")
    name = said[:60].replace("\0", "").replace("/", "")
    inventory = folder / "a\nimport os; os.abort() #"
    inventory.mkdir()
    file = remember(str(inventory), Path("anchorline.yml"), {name: False})
    assert file is not None
    text = file.read_bytes().decode("ascii")
    assert not harm(text, lines=True)
    assert {type(each) for each in ast.parse(text).body} == {ast.Assign}
    assert Failed.read(file) == Failed(str(inventory), "anchorline.yml", (name,))


SHELLS = (["dash"], ["bash", "--posix"], ["busybox", "ash"])


@pytest.mark.parametrize("shell", SHELLS, ids=lambda each: each[0])
@settings(thoroughly, max_examples=20)
@given(said=HOSTILE)
def test_a_quoted_word_is_the_word_byte_for_byte(shell: list[str], said: str) -> None:
    path = said[:4000].replace("\0", "").rstrip("\n")
    try:
        raw = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return  # no path that any host can have
    words = quoted(path)
    assert not harm(words)
    try:
        done = subprocess.run([*shell, "-c", f"printf %s {words}"], capture_output=True, check=True, env={"PATH": PATH})
    except FileNotFoundError:
        lacking(f"{shell[0]} isn't installed here")
    assert done.stdout == raw


PATH = os.environ["PATH"]


@pytest.mark.parametrize(
    "name", ["a b", "x\x1b[2J", "\u202eb", "b'\"$(id)`id`", b"\xff\xfe".decode("utf-8", "surrogateescape")]
)
def test_a_fix_that_is_pasted_does_what_it_says(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.touch(mode=0o600)
    fix = Denied(frozenset({"docker"}), str(file), "600 of root", "r").problem(None)
    assert not harm(str(fix))
    subprocess.run(["sh", "-c", fix.fix], check=True)
    assert file.stat().st_mode & 0o777 == 0o604


def test_a_word_that_no_command_can_keep_names_nothing() -> None:
    """A substitution drops line feeds at the end: another file would be hit."""
    assert quoted("/etc/passwd\n") == "'/etc/passwd␊'"


def test_a_fix_too_long_to_be_typed_is_left_out_whole() -> None:
    assert Problem("x", "rm -r " + "a" * LONGEST_FIX).fix == ""
    assert Problem("x", "a" * LONGEST_FIX).fix == "a" * LONGEST_FIX


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_the_command_line_in_any_locale(encoding: str, rotating: tuple[Spec, str]) -> None:
    for arguments in (["pki", "show"], ["pki", "show", "--format", "json"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-c", "from anchorline.cli.main import main; main()", *arguments],
            cwd=rotating[0].file.parent,
            env={**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C"},
            capture_output=True,
            check=False,
        )
        assert b"Traceback" not in done.stderr, done.stderr
        assert done.stdout


def test_what_is_clean_stays_as_it_is() -> None:
    for text in ("a plain sentence: 'x' \"y\" <z>, ü, \N{GRINNING FACE}", "␛[2J", "x" * 500):
        assert visible(text) == text
        assert Problem(text, text).message == f"{text}; {text}"
