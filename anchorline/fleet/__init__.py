"""The whole fleet at once: the look before the touch, the gates between the steps, the summary at the end."""

from anchorline.fleet.deploy import begin, gather
from anchorline.fleet.operations import Commands, changing, failing, for_the_fleet
from anchorline.fleet.probe import Probe, Question
from anchorline.fleet.run import CLIENTS, REGISTRY, Run, RunError
from anchorline.fleet.scripts import File, Script, state_folder, stdin
from anchorline.fleet.ssh import Answer

__all__ = [
    "CLIENTS",
    "REGISTRY",
    "Answer",
    "Commands",
    "File",
    "Probe",
    "Question",
    "Run",
    "RunError",
    "Script",
    "begin",
    "changing",
    "failing",
    "for_the_fleet",
    "gather",
    "state_folder",
    "stdin",
]
