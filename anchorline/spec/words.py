"""What pydantic found, in words for the person who wrote the spec."""

from __future__ import annotations

import types
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from anchorline.problem import Place, Problem, ProblemError
from anchorline.spec.source import Loc
from anchorline.spec.values import quote

# cfssl's words that mean something there and nothing here (cfssl: config/config.go, csr/csr.go)
UNSUPPORTED = {
    "E": "e-mail addresses in a subject",
    "OID": "other attributes in a subject",
    "SerialNumber": "serial numbers in a subject",
    "allowed_extensions": "extensions of a request",
    "auth_key": "remote signing",
    "auth_keys": "remote signing",
    "auth_remote": "remote signing",
    "backdate": "a backdate of your own",
    "ca_constraint": "intermediate CAs",
    "cert_store": "certificate databases",
    "copy_extensions": "extensions of a request",
    "crl_url": "revocation lists",
    "csr_whitelist": "whitelists",
    "ct_log_servers": "certificate transparency",
    "delegation_enabled": "delegated credentials",
    "extensions": "extensions of your own",
    "ignored_lint_sources": "cfssl's linter",
    "ignored_lints": "cfssl's linter",
    "issuer_urls": "issuer URLs",
    "lint_error_level": "cfssl's linter",
    "name_whitelist": "whitelists; `name_constraints` in the spec do more",
    "not_after": "fixed dates; `expiry` gives the length",
    "not_before": "fixed dates; `expiry` gives the length",
    "ocsp_url": "OCSP",
    "policies": "certificate policies",
    "remote": "remote signing",
    "remotes": "remote signing",
    "serialnumber": "serial numbers in a subject",
}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` was probably meant to be."""
    by_fold = {each.casefold(): each for each in known}
    found = get_close_matches(word.casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[found[0]] if found else None


def meant(word: str, known: Iterable[str]) -> str:
    """What to do about an unknown word: take the nearest known one, or any."""
    known = sorted(known)
    if not known:
        return ""
    near = nearest(word, known)
    return f"did you mean `{near}`?" if near else f"known here: {', '.join(known)}"


def unknown_key(place: Place, key: str, known: Iterable[str]) -> Problem:
    """The problem of a key that nothing reads."""
    if key in UNSUPPORTED:
        return Problem(f"is cfssl's, but anchorline doesn't know {UNSUPPORTED[key]}", "remove it", place)
    return Problem("unknown key", meant(key, known), place)


def explain(error: ErrorDetails) -> Problem:
    """One of pydantic's errors as what is wrong and what to do. Where it stands is known to the document alone."""
    context = error.get("ctx", {})
    value = quote(error["input"])
    if isinstance(error["input"], list | dict):
        value = "a list" if isinstance(error["input"], list) else "a mapping"
    match error["type"]:
        case "value_error":
            raised = context["error"]
            return raised.problem if isinstance(raised, ProblemError) else Problem(str(raised))
        case "missing":
            return Problem(f"`{error['loc'][-1]}` is missing", "add it")
        case "literal_error":
            known = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
            return Problem(f"{value} isn't known here", meant(str(error["input"]), known))
        case "string_type" | "path_type":
            return Problem(f"is {value} where one value is expected", "write text")
        case "string_too_short":
            return Problem("is empty", "give it a value, or remove the line")
        case "string_too_long":
            return Problem(f"is longer than {context['max_length']} letters", "shorten it")
        case "int_type" | "int_parsing" | "int_parsing_size" | "int_from_float":
            return Problem(f"{value} isn't a whole number", "")
        case "greater_than_equal" | "less_than_equal":
            bound, side = (context["ge"], "least") if "ge" in context else (context["le"], "most")
            return Problem(f"{value} is out of range", f"{bound} is the {side}")
        case "tuple_type":
            return Problem(f"{value} isn't a list", "write [ONE, ANOTHER]")
        case "dict_type" | "model_type" | "model_attributes_type":
            return Problem(f"{value} isn't a mapping", "write keys and values below it")
    return Problem(f"{value} doesn't fit here", error["msg"])


def fields_at(model: type[BaseModel], loc: Loc) -> set[str]:
    """The keys that the mapping at ``loc`` of a model takes."""
    annotation: Any = model
    for step in loc:
        annotation = _inside(annotation, step)
    fields = getattr(annotation, "model_fields", {})
    return {key for key, field in fields.items() if not field.exclude}


def _inside(annotation: Any, step: str | int) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        # pydantic writes the member's tag, its class's name, into the path
        return next((each for each in map(_bare, arguments) if each.__name__ == step), None)
    if origin is tuple:
        return _bare(arguments[0])
    if origin is dict:
        return _bare(arguments[1])
    field = annotation.model_fields.get(step)
    return _bare(field.annotation) if field else None


def _bare(annotation: Any) -> Any:
    """Without what validates, and without the None of a key that may be left out."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        members = [each for each in get_args(annotation) if each is not type(None)]
        return _bare(members[0]) if len(members) == 1 else annotation
    return annotation
