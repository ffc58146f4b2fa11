"""What the lab says when it can't go on: one line, with what to do next."""

from __future__ import annotations


class LabError(Exception):
    """Something in the lab failed; the message says what, where and what to do."""

    exit_code = 1


class CannotRun(LabError):
    """This machine can't run the lab at all, or not yet."""

    exit_code = 3
