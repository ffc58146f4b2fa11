"""What a spec's parts say about each other. Each rule is a row of :data:`RULES`; here they are run."""

from __future__ import annotations

from anchorline.problem import Health, Problem
from anchorline.spec.model import Spec
from anchorline.spec.rules import RULES
from anchorline.spec.source import Document
from anchorline.spec.values import quote
from anchorline.spec.words import meant


def lint(spec: Spec, document: Document) -> list[Problem]:
    """Everything that the rules find, without the warnings that the spec ignores."""
    problems = _ignored(spec, document)
    for rule in RULES.values():
        if rule.warning and rule.code in spec.ignore:
            continue
        problems += [
            Problem(
                found.cause,
                found.fix,
                document.place(found.loc),
                code=rule.code,
                health=Health.WARNING if rule.warning else Health.BAD,
            )
            for found in rule.find(spec)
        ]
    return list(dict.fromkeys(problems))


def _ignored(spec: Spec, document: Document) -> list[Problem]:
    problems = []
    for index, code in enumerate(spec.ignore):
        place = document.place(("ignore", index))
        if code not in RULES:
            warnings = [each.code for each in RULES.values() if each.warning]
            problems.append(Problem(f"no rule is called {quote(code)}", meant(code, warnings), place))
        elif not RULES[code].warning:
            problems.append(Problem(f"{code} is an error, and errors can't be ignored", "fix it instead", place))
    return problems


def rules_table() -> str:
    """The rules as a Markdown table."""
    rows = [f"| {each.code} | {'warning' if each.warning else 'error'} | {each.summary} |" for each in RULES.values()]
    return "\n".join(["| code | is | finds |", "|---|---|---|", *sorted(rows)])
