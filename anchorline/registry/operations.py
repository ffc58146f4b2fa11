"""The operation of the registry: its container, made or replaced with a way back."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import FunctionCommand

from anchorline.authority.operations import serving
from anchorline.fleet import Answer, File, Fleet, Run, Step, changing, failing, operation, stdin
from anchorline.fleet.operations import Uploading
from anchorline.problem import Problem
from anchorline.registry.desired import CERTIFICATE, CONFIGURATION, KEY, VOUCHING, Instance, OwnFile
from anchorline.registry.plan import InstancePlan
from anchorline.registry.probe import container, observed_registry, plan_of, presented
from anchorline.registry.scripts import DEADLINE, Apply, MakeFolder

_WINDOWS = {
    "waited": "new connections waited {seconds:.1f} s for the restart, none was refused",
    "refused": "new connections were refused for {seconds:.1f} s (nft, which would have them wait, isn't here)",
}


@operation
def serve() -> Generator[FunctionCommand | Uploading, None, None]:
    """Run the registry as the spec says: take the steps of its plan, where there are any.

    What doesn't get healthy is undone, and the run fails with the container's log and the probable cause.
    """
    run, here = Run.here()
    fleet = run.fleet
    wanted = container(fleet)
    if wanted is None or not fleet.reached(here):
        return
    has = observed_registry(fleet, here)
    due = plan_of(fleet, wanted, has)
    if not due:
        host.noop("serves")
        return
    what = f"registry: {due.summary}"
    if not host.state.is_executing:
        fleet.changed(here, Step.REGISTRY, what)

    def done(answer: Answer) -> None:
        fleet.changed(here, Step.REGISTRY, what)
        for line in answer.stdout:
            word, _, length = line.partition(" ")
            if word in _WINDOWS:
                fleet.note(here, _WINDOWS[word].format(seconds=int(length) / 1000))

    archive = ""
    if not has.image and wanted.archive:
        source = fleet.spec.path(wanted.archive)
        if not source.is_file():
            problem = Problem(
                f"{source} isn't there (registry: archive), and {here.name} has no image {wanted.image}",
                "save the image there with `docker save`",
            )
            fleet.fail(here, Step.REGISTRY, problem)
            yield failing(problem)
            return
        archive = wanted.unloaded
        yield changing(Step.REGISTRY, MakeFolder(folder=archive.rpartition("/")[0]).text)
        yield Uploading(Step.REGISTRY, source, archive)
    yield changing(
        Step.REGISTRY,
        Apply.of(wanted, due, presented(fleet, wanted), archive).text,
        stdin=stdin(_files(fleet, wanted, due)),
        timeout=DEADLINE,
        then=done,
    )


def _files(fleet: Fleet, wanted: Instance, due: InstancePlan) -> list[File]:
    """The files that a plan writes. The key is read only here, where the registry gets it."""
    return [wanted.file(each, _content(fleet, wanted, each)) for each in due.files]


def _content(fleet: Fleet, wanted: Instance, file: OwnFile) -> str:
    if file == CONFIGURATION:
        return wanted.configuration
    authority = serving(fleet)
    if file == KEY:
        return authority.pair(wanted.certificate).key_pem
    if file == CERTIFICATE:
        return authority.certificate(wanted.certificate).pem
    assert file == VOUCHING, file.name  # noqa: S101
    return authority.vouching(wanted.certificate)
