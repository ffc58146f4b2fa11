"""The scripts for an instance's host, with all that they are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from anchorline.fleet.scripts import Script, state_folder
from anchorline.registry.desired import Instance, Presented
from anchorline.registry.plan import InstancePlan
from anchorline.registry.runtimes import CONTAINER_RUNTIMES

PATIENCE = 30
"""Seconds that an instance gets to become healthy."""
DEADLINE = 600
"""Seconds that the whole of ``Apply`` may take: an image to load or pull, a drain, and two times the patience."""

VERBS = CONTAINER_RUNTIMES["docker"].verbs
_SHARED = (
    "fleet/shell/words.sh",
    "fleet/shell/port.sh",
    "fleet/shell/tls.sh",
    "registry/shell/digests.sh",
    "registry/shell/health.sh",
    "registry/shell/data.sh",
)


@dataclass(frozen=True, kw_only=True)
class MakeFolder(Script):
    """The folder that an archive is uploaded to."""

    folder: str
    sources = ("registry/shell/folder.sh",)


@dataclass(frozen=True, kw_only=True)
class OfInstance(Script):
    """What every script about an instance is told. ``files``: the names of its own, in front of each whether its digest
    may be told."""

    name: str
    image: str
    data: str
    writable: str
    folder: str
    before: str
    files: tuple[str, ...]
    host: str
    listen: str
    port: str
    tls: bool

    @classmethod
    def about(cls, instance: Instance, **others: Any) -> Self:
        """The script about one, with its runtime's verbs."""
        made: Self = _with(cls, instance.runtime.verbs)(
            name=instance.name,
            image=instance.image,
            data=instance.data,
            writable=instance.writable,
            folder=instance.folder,
            before=instance.before,
            files=tuple(f"{'secret' if each.secret else 'told'} {each.name}" for each in instance.files),
            host=str(instance.health.host),
            listen=str(instance.health.nearby),
            port=str(instance.listen.port),
            tls=instance.tls,
            **others,
        )
        return made


def _with(cls: type[OfInstance], verbs: str) -> Any:
    """The script with a runtime's verbs in the place of Docker's."""
    sources = tuple(verbs if each == VERBS else each for each in cls.sources)
    return cls if sources == cls.sources else type(cls.__name__, (cls,), {"sources": sources})


@dataclass(frozen=True, kw_only=True)
class InstanceProbe(OfInstance):
    """Prints what a host has of an instance; changes nothing."""

    sources = (VERBS, *_SHARED, "fleet/shell/space.sh", "registry/shell/probe.sh")


@dataclass(frozen=True, kw_only=True)
class Apply(OfInstance):
    """Takes the steps of a plan, or leaves its host as it was."""

    site: str
    state: str
    lock: str
    table: str
    steps: tuple[str, ...]
    archive: str
    create: tuple[str, ...]
    chain: str
    leaf: str
    inside: int
    drain: int
    patience: int
    sources = (
        VERBS,
        "fleet/shell/users.sh",
        "registry/shell/apart.sh",
        "fleet/shell/files.sh",
        "fleet/shell/lock.sh",
        "fleet/shell/clock.sh",
        *_SHARED,
        *(f"registry/shell/{name}.sh" for name in ("wait", "image", "files", "hold", "swap", "legacy", "apply")),
    )

    @classmethod
    def of(cls, instance: Instance, plan: InstancePlan, presented: Presented, archive: str) -> Self:
        """The script for the steps of a plan. ``archive`` lies on the host, or is empty."""
        return cls.about(
            instance,
            site=instance.site,
            state=state_folder(instance.site),
            lock=instance.lock,
            table=instance.table,
            steps=plan.steps,
            archive=archive,
            create=instance.create,
            chain=presented.chain,
            leaf=presented.leaf,
            inside=instance.inside,
            drain=instance.drain,
            patience=PATIENCE,
        )
