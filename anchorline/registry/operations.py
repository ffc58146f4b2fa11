"""The operation of the registry: its container, made or replaced with a way back."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import FileUploadCommand, FunctionCommand

from anchorline.authority.operations import serving
from anchorline.fleet import Answer, File, Fleet, Run, Step, changing, failing, operation, script, stdin
from anchorline.problem import Problem
from anchorline.registry.desired import DRAIN, PORT, Container
from anchorline.registry.probe import container, digests, observed_registry, variables, what_is_due

PATIENCE = 30
"""Seconds that a registry gets to become healthy."""
DEADLINE = 600
"""Seconds that the whole script may take: an image to load or pull, a drain, and two times the patience."""

_WINDOWS = {
    "waited": "new connections waited {seconds:.1f} s for the restart, none was refused",
    "refused": "new connections were refused for {seconds:.1f} s (nft, which would have them wait, isn't here)",
}


@operation
def serve() -> Generator[FunctionCommand | FileUploadCommand, None, None]:
    """Run the registry as the spec says: create, replace, restart or start its container where one of them is due.

    What doesn't get healthy is undone, and the run fails with the container's log and the probable cause.
    """
    run, here = Run.here()
    fleet = run.fleet
    wanted = container(fleet)
    if wanted is None or not fleet.reached(here):
        return
    has = observed_registry(fleet, here)
    due, why = what_is_due(fleet, wanted, has)
    if not due:
        host.noop("serves")
        return
    what = f"registry: {due} ({why})"
    if not host.state.is_executing:
        fleet.changed(here, what)

    def done(answer: Answer) -> None:
        fleet.changed(here, what)
        for line in answer.stdout:
            word, _, length = line.partition(" ")
            if word in _WINDOWS:
                fleet.note(here, _WINDOWS[word].format(seconds=int(length) / 1000))

    archive = ""
    if not has.image and wanted.registry.archive:
        source = fleet.spec.path(wanted.registry.archive)
        if not source.is_file():
            problem = Problem(
                f"{source} isn't there (registry: archive), and {here.name} has no image {wanted.registry.image}",
                "save the image there with `docker save`",
            )
            fleet.fail(here, Step.REGISTRY, problem)
            yield failing(problem)
            return
        archive = f"{variables(wanted)['state']}/image.tar"
        yield changing(Step.REGISTRY, script(folder=archive.rpartition("/")[0]) + 'mkdir -p "$folder"\n')
        yield FileUploadCommand(str(source), archive)
    yield changing(
        Step.REGISTRY,
        script(
            "fleet/shell/files.sh",
            "registry/shell/health.sh",
            "registry/shell/apply.sh",
            **variables(wanted),
            action=due,
            archive=archive,
            create=wanted.create,
            **digests(fleet, wanted),
            drain=DRAIN,
            patience=PATIENCE,
            inside=PORT,
        ),
        stdin=stdin(_files(fleet, wanted)),
        timeout=DEADLINE,
        then=done,
    )


def _files(fleet: Fleet, wanted: Container) -> list[File]:
    """The files of our folder on the host. The key is read only here, where the registry gets it."""
    files = [wanted.configuration]
    if wanted.registry.certificate and wanted.tls:
        authority = serving(fleet)
        pair = authority.pair(wanted.registry.certificate)
        files += [
            File(f"{wanted.folder}/ca.pem", authority.vouching(wanted.registry.certificate)),
            File(f"{wanted.folder}/server.pem", pair.certificate_pem),
            File(f"{wanted.folder}/server-key.pem", pair.key_pem, "600"),
        ]
    return files
