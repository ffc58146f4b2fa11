"""The one place that contains what a host says: whatever it makes our code raise fails that host alone. Pure."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from anchorline.errors import AnchorlineError
from anchorline.problem import Problem, ProblemError

T = TypeVar("T")
_PACKAGE = Path(__file__).parents[1]


def contained(
    work: Callable[[], T],
    otherwise: Callable[[Problem], T],
    about_the_run: tuple[type[Exception], ...] = (AnchorlineError,),
) -> T:
    """What ``work`` makes of what one host said; of an exception, what ``otherwise`` makes of a problem.

    Raises what is about the whole run and not about one host, as an error of ours is.
    """
    try:
        return work()
    except about_the_run:
        raise
    except Exception as error:
        return otherwise(problem_of(error))


def problem_of(error: Exception) -> Problem:
    """What a host said to make our code raise this. An exception's own words may quote it: they are shown for ours
    alone, and of any other the place in our code, which is what a report of it needs."""
    if isinstance(error, ProblemError):
        return error.problem
    frames = [each for each in traceback.extract_tb(error.__traceback__) if _PACKAGE in Path(each.filename).parents]
    last = frames[-1] if frames else None
    where = f" at {Path(last.filename).relative_to(_PACKAGE)}:{last.lineno}" if last else ""
    return Problem(
        f"what it said can't be understood ({type(error).__name__}{where})",
        "look at that host: what does it print when one logs in, and who can write to its trust stores and their "
        "configuration; if nothing is wrong there, report this",
    )
