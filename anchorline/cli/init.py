"""``anchorline init``: a few questions, or options for them, and a site's folder that passes ``anchorline check``."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from anchorline.authority.check import check as check_brought
from anchorline.authority.disk import refusals
from anchorline.cli.base import Command
from anchorline.commands import SPEC
from anchorline.errors import SpecError
from anchorline.init.answers import QUESTIONS, Answers, Prompt
from anchorline.init.cfssl import Cfssl, find
from anchorline.init.site import files
from anchorline.init.write import require_free, write
from anchorline.problem import Place, Problem, in_order
from anchorline.spec import check
from anchorline.spec.values import Endpoint

BY_FLAG = {
    "site": "Its name, such as production or staging; by default DIR's.",
    "registry": "What people type before /image:tag, HOST or HOST:PORT; none: trust alone.",
    "ip": "The address of the registry's host, where DNS doesn't know it.",
    "ca": "Trust alone: the PEM file of the CA.",
    "clients": "Hosts, with spaces or commas between; or none.",
    "user": "Who logs in: root, or one who may use sudo.",
}


def _flags(command: Callable[..., None]) -> Callable[..., None]:
    for question in reversed(QUESTIONS):
        command = click.option(question.flag, help=BY_FLAG[question.key])(command)
    return command


@click.command(cls=Command, example="anchorline init production --registry hub.example.com --clients web1,web2")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=".")
@_flags
@click.option("--from-cfssl", type=click.Path(path_type=Path), help="A folder with cfssl's three JSON files.")
def init(folder: Path, from_cfssl: Path | None, **flags: str | None) -> None:
    """Write a new site into DIR: a spec, an inventory, and what a deploy needs beside them.

    Asks on a terminal for what no option gives. Nothing that is there is overwritten; on an error nothing is written.
    """
    cfssl = find(from_cfssl) if from_cfssl else None
    answers = _answers(_questions(folder), flags, cfssl)
    made = files(answers, cfssl)
    # where a site is made around cfssl's files, they are in their places
    there = {each.name for each in (cfssl.files if cfssl else ()) if _same(folder / each.name, each)}
    new = {file: content for file, content in made.items() if file not in there}
    require_free(folder, new)
    problems = _check(made)
    write(folder, new)
    _tell(folder, new, problems, from_cfssl if cfssl and cfssl.has_keys else None)


def _same(here: Path, there: Path) -> bool:
    with suppress(OSError):  # nothing is here
        return here.samefile(there)
    return False


def _questions(folder: Path) -> tuple[Prompt, ...]:
    """A site in staging/ is probably called so."""
    site, *others = QUESTIONS
    with suppress(ValueError):
        return replace(site, default=site.read(folder.name)), *others
    return QUESTIONS


def _answers(questions: Sequence[Prompt], flags: Mapping[str, str | None], cfssl: Cfssl | None) -> Answers:
    """From options, cfssl's files and a terminal, in this order. Raises click.UsageError."""
    if flags["ca"] is not None and flags["registry"] is None:
        flags = {**flags, "registry": "none"}
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    given: dict[str, Any] = {}
    missing: list[str] = []
    for question in questions:
        flag = flags[question.key]
        known = _from(cfssl, question.key) if cfssl else None
        if flag is None and known:
            given[question.key] = known
        elif not question.asked(given):
            if flag is not None:
                raise click.UsageError(f"{question.flag} doesn't go with --registry {given['registry'] or 'none'}")
            given[question.key] = None
        elif flag is not None:
            given[question.key] = _read(question, flag)
        elif terminal and not (cfssl and question.key == "ip"):
            given[question.key] = _ask(question)
        elif question.default is not None:
            given[question.key] = question.read(question.default)
        else:
            missing.append(question.flag)
            given[question.key] = Endpoint("")
    if missing:
        raise click.UsageError(f"there is no terminal to ask at: give {' and '.join(missing)}")
    answers = Answers(**given)
    if answers.registry is None and not answers.clients:
        raise click.UsageError("trust alone is for clients, and there are none: give --clients")
    return _with_names_of(cfssl, answers) if cfssl else answers


def _from(cfssl: Cfssl, key: str) -> Endpoint | None:
    return Endpoint(cfssl.names[0]) if key == "registry" and cfssl.names else None


def _with_names_of(cfssl: Cfssl, answers: Answers) -> Answers:
    """cfssl's request says under which names the registry can be reached, and no option adds one."""
    if answers.registry is None:
        raise click.UsageError("--from-cfssl makes a site with a registry; leave out --ca, and --registry none")
    for flag, name in (("--registry", answers.registry.host), ("--ip", answers.ip)):
        if name and cfssl.names and name not in cfssl.names:
            named = ", ".join(map(str, cfssl.names))
            raise click.UsageError(f"{flag}: {name} isn't among the hosts of {cfssl.request}: {named}")
    return replace(answers, aliases=tuple(each for each in cfssl.names if each != answers.registry.host))


def _read(question: Prompt, text: str) -> Any:
    try:
        return question.read(text.strip())
    except ValueError as error:
        raise click.UsageError(f"{question.flag}: {error}") from None


def _ask(question: Prompt) -> Any:
    def read(text: str) -> Any:
        try:
            return question.read(text.strip())
        except ValueError as error:
            raise click.UsageError(str(error)) from None  # click shows it, and asks again

    return click.prompt(question.text, default=question.default, value_proc=read)


def _check(made: Mapping[str, bytes]) -> list[Problem]:
    """What ``anchorline check`` will say in the site. Raises SpecError where that is an error."""
    with refusals(Path(os.environ.get("TMPDIR", "/tmp"))), TemporaryDirectory(prefix="anchorline-") as folder:  # noqa: S108
        write(Path(folder), made)
        spec = Path(folder, SPEC)
        found = [*check(spec).problems, *check_brought(spec)]
    problems = [*in_order(_in_the_site(each, f"{folder}/") for each in found)]
    if errors := [each for each in problems if not each.warning]:
        raise SpecError(errors)
    return problems


def _in_the_site(problem: Problem, folder: str) -> Problem:
    """With the paths that it has for somebody in the site's folder."""
    place = Place(Path(str(problem.place.file).removeprefix(folder)), problem.place.line, problem.place.key)
    return replace(problem, where=place, cause=problem.cause.replace(folder, ""))


def _tell(folder: Path, made: Mapping[str, bytes], problems: list[Problem], keys: Path | None) -> None:
    click.echo(f"{click.format_filename(folder)}: {', '.join(sorted(made))}")
    if problems:
        click.echo("`anchorline check` warns of:")
    for problem in problems:
        click.echo(f"  {problem}")
    steps = [] if folder.absolute() == Path.cwd() else [f"cd {shlex.quote(str(folder))}"]
    if keys:
        click.echo(
            f"{click.format_filename(keys)} holds keys. A CA that is in use is taken over before the first deploy."
        )
        steps.append(f"anchorline pki adopt {shlex.quote(os.path.relpath(keys, folder))}")
    steps.append("pyinfra --dry inventory deploy.py")
    click.echo(
        "Hosts are known by their keys: compare what `anchorline host-keys` shows; with --write they are accepted."
    )
    click.echo(f"Next: {click.format_filename(' && '.join(steps))}")
