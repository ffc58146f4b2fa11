"""The operation of the registry: its container, made or replaced with a way back."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import FileUploadCommand, FunctionCommand, operation

from anchorline.authority.operations import serving
from anchorline.fleet import Answer, File, Run, changing, failing, stdin
from anchorline.registry.desired import CERTIFICATE, CONFIGURATION, KEY, VOUCHING, Instance, OwnFile
from anchorline.registry.plan import InstancePlan
from anchorline.registry.probe import container, observed_registry, plan_of, presented
from anchorline.registry.scripts import DEADLINE, Apply, MakeFolder

STEP = "registry"

_WINDOWS = {
    "waited": "new connections waited {seconds:.1f} s for the restart, none was refused",
    "refused": "new connections were refused for {seconds:.1f} s (nft, which would have them wait, isn't here)",
}


@operation()
def serve() -> Generator[FunctionCommand | FileUploadCommand, None, None]:
    """Run the registry as the spec says: take the steps of its plan, where there are any.

    What doesn't get healthy is undone, and the run fails with the container's log and the probable cause.
    """
    here = host.state.inventory.get_host(host.name)
    run = Run.of(here)
    wanted = container(run)
    if wanted is None or not run.reached(here):
        return
    has = observed_registry(run, here)
    due = plan_of(run, wanted, has)
    if not due:
        host.noop("serves")
        return
    what = f"registry: {due.summary}"
    if not host.state.is_executing:
        run.changed(here, what)

    def done(answer: Answer) -> None:
        run.changed(here, what)
        for line in answer.stdout:
            word, _, length = line.partition(" ")
            if word in _WINDOWS:
                run.note(here, _WINDOWS[word].format(seconds=int(length) / 1000))

    archive = ""
    if not has.image and wanted.archive:
        source = run.spec.path(wanted.archive)
        if not source.is_file():
            cause = f"{source} isn't there (registry: archive), and {here.name} has no image {wanted.image}"
            run.fail(here, STEP, cause)
            yield failing(cause)
            return
        archive = wanted.unloaded
        yield changing(STEP, MakeFolder(folder=archive.rpartition("/")[0]).text)
        yield FileUploadCommand(str(source), archive)
    yield changing(
        STEP,
        Apply.of(wanted, due, presented(run, wanted), archive).text,
        stdin=stdin(_files(run, wanted, due)),
        timeout=DEADLINE,
        then=done,
    )


def _files(run: Run, wanted: Instance, due: InstancePlan) -> list[File]:
    """The files that a plan writes. The key is read only here, where the registry gets it."""
    return [wanted.file(each, _content(run, wanted, each)) for each in due.files]


def _content(run: Run, wanted: Instance, file: OwnFile) -> str:
    if file == CONFIGURATION:
        return wanted.configuration
    authority = serving(run)
    if file == KEY:
        return authority.pair(wanted.certificate).key_pem
    if file == CERTIFICATE:
        return authority.certificate(wanted.certificate).pem
    assert file == VOUCHING, file.name  # noqa: S101
    return authority.vouching(wanted.certificate)
