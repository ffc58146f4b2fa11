"""The whole fleet at once: the probe before the touch, the gates between the steps, who failed."""

from typing import TYPE_CHECKING, Any

from anchorline.fleet.deploy import begin, gather
from anchorline.fleet.fleet import CLIENTS, REGISTRY, Fleet, Host, Kept, Purpose, once
from anchorline.fleet.operations import Commands, changing, for_the_fleet
from anchorline.fleet.probe import Probe, Question
from anchorline.fleet.run import Run, RunError, failing, operation, step
from anchorline.fleet.scripts import File, Script, state_folder, stdin
from anchorline.fleet.ssh import Answer
from anchorline.fleet.steps import Step

__all__ = [
    "CLIENTS",
    "REGISTRY",
    "Answer",
    "Commands",
    "File",
    "Fleet",
    "Host",
    "Kept",
    "Probe",
    "Purpose",
    "Question",
    "Run",
    "RunError",
    "Script",
    "Step",
    "begin",
    "changing",
    "failing",
    "for_the_fleet",
    "gather",
    "once",
    "operation",
    "state_folder",
    "stdin",
    "step",
]


if not TYPE_CHECKING:  # or every misspelt name would have a type

    def __getattr__(name: str) -> Any:
        """What an older anchorline had is refused, with what to do."""
        from anchorline.fleet.outdated import missing

        missing(__name__, name)
