"""From a file to a :class:`Spec`, or to everything that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from anchorline.errors import SpecError
from anchorline.problem import Problem, in_order
from anchorline.spec import cfssl
from anchorline.spec.lint import lint
from anchorline.spec.model import Spec
from anchorline.spec.source import Document, read
from anchorline.spec.words import explain, fields_at, unknown_key

_MEMBERS = {"authority": 1, "certificates": 2}
"""Where a union's member stands in pydantic's path."""


@dataclass(frozen=True)
class CheckResult:
    """What ``check`` found: every problem in the file's order, and the spec where it has no error."""

    spec: Spec | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What stops a deploy."""
        return tuple(each for each in self.problems if not each.warning)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What doesn't."""
        return tuple(each for each in self.problems if each.warning)


def load(path: Path) -> Spec:
    """Read a spec that can be deployed. Raises :class:`SpecError` with all of its errors."""
    report = check(path)
    if report.spec is None:
        raise SpecError(report.errors)
    return report.spec


def check(path: Path) -> CheckResult:
    """Read a spec and say everything that is wrong with it. Raises nothing."""
    document, problems = read(path)
    if document is None:
        return CheckResult(None, in_order(problems))
    problems += cfssl.resolve(document, path.parent)
    spec = _validate(document, path.absolute(), problems)
    if spec is None or problems:
        return CheckResult(None, in_order(problems))
    problems = lint(spec, document)
    fit = all(each.warning for each in problems)
    return CheckResult(spec if fit else None, in_order(problems))


def _validate(document: Document, file: Path, problems: list[Problem]) -> Spec | None:
    if "file" in document.data:
        problems.append(unknown_key(document.place(("file",)), "file", fields_at(Spec, ())))
    try:
        return Spec.model_validate({**document.data, "file": file})
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False):
            problems += _problems(document, error)
    return None


def _problems(document: Document, error: ErrorDetails) -> list[Problem]:
    raw = error["loc"]
    # pydantic writes the union's member into the path: authority, DeclaredAuthority, CN
    member = _MEMBERS.get(str(raw[0]), len(raw)) if raw else 0
    loc = (*raw[:member], *raw[member + 1 :])
    if error["type"] == "default_factory_not_called" or (error["type"] == "missing" and loc in document.places):
        return []  # follows from a problem that is reported already
    if error["type"] == "extra_forbidden":
        beyond_the_model = {"csr"} if raw[2:-1] == ("CertificateRequest",) else set()
        return [unknown_key(document.place(loc), str(loc[-1]), fields_at(Spec, raw[:-1]) | beyond_the_model)]
    return [replace(explain(error), where=document.place(loc))]
