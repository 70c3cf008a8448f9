"""How many actors a teacher gets, and what each of them may use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tmkd.cluster import Fits, Machines, machines, machines_to_come, resources_of
from tmkd.console import warn
from tmkd.errors import UserError
from tmkd.placement import Placement
from tmkd.teachers.config import ActorRange, ResourcesConfig

ACTOR_SHARE = 0.9
"""Part of its CPUs that an actor reserves: the rest is for reading and publishing, which must never starve."""
HELPER_CPUS = 0.05
SHARDS_PER_ACTOR = 4
"""An actor that gets fewer shards is hardly worth its start, and the last one would be waited for."""


@dataclass(frozen=True)
class Nodes:
    """Nodes of the cluster as they are now: CPUs and GPUs in all, CPUs of the largest one; and what there may be.

    Attributes:
        largest: CPUs of the largest node that is there, else of those that may come.
        reading: CPUs that there may be of nodes that read and publish; None: of these.
    """

    cpus: float
    gpus: float
    largest: float
    count: int
    most_cpus: float = 0.0
    most_gpus: float = 0.0
    reading: float | None = None

    @property
    def may_grow(self) -> bool:
        return self.most_cpus > self.cpus or self.most_gpus > self.gpus

    @classmethod
    def now(cls, fits: Fits = lambda _: True) -> Nodes:
        """Ask the connected cluster; ``fits`` says which of its nodes count."""
        there, to_come = ([*filter(fits, found)] for found in (machines(), machines_to_come()))
        total, most = resources_of(there), resources_of(to_come)
        largest = _largest(there) or _largest(to_come)
        return cls(total["CPU"], total["GPU"], largest, len(there), most["CPU"], most["GPU"])

    @classmethod
    def of_teacher(cls, resources: ResourcesConfig) -> Nodes:
        """Return those that a teacher's actors may run on."""
        reading = Placement().in_reach("reading").get("CPU", 0.0)
        return replace(cls.now(resources.placement.takes("teachers")), reading=reading)


def _largest(found: Iterable[Machines]) -> float:
    return max((each.resources.get("CPU", 0.0) for each in found), default=0.0)


@dataclass(frozen=True)
class Pool:
    """An actor pool.

    Attributes:
        smallest: actors it starts with.
        largest: actors it may grow to.
        cpus: CPUs that Ray reserves for an actor.
        gpus: GPUs of an actor.
        threads: cores that an actor computes with.
        helpers: reading (and publishing) tasks at a time.
    """

    smallest: int
    largest: int
    cpus: float
    gpus: float
    threads: int
    helpers: int

    def of_one(self) -> Pool:
        """Return a pool with a single actor of this size."""
        return replace(self, smallest=1, largest=1)


def plan_pool(resources: ResourcesConfig, device: str, nodes: Nodes, shards: int, teacher: str) -> Pool:
    """Return the pool for ``shards`` shards on ``device`` of a cluster.

    Raises:
        UserError: if actors of fixed number need GPUs and the cluster has none.
    """
    key = f"teachers.{teacher}.resources"
    cpus = min(resources.cpus_per_actor, nodes.largest or resources.cpus_per_actor)  # none is there yet: as asked
    if cpus < resources.cpus_per_actor:
        warn(f"{key}.cpus_per_actor: {resources.cpus_per_actor:g}, but no node has more than {cpus:g}; using {cpus:g}")
    gpus = 0.0 if device == "cpu" else 1.0 if resources.gpus_per_actor == "auto" else resources.gpus_per_actor
    most_cpus, most_gpus = max(nodes.cpus, nodes.most_cpus), max(nodes.gpus, nodes.most_gpus)
    if gpus and not most_gpus and not isinstance(resources.actors, ActorRange):
        raise UserError(
            f"{key}: actors on cuda need GPUs, but this cluster has none; set device: cpu, or actors: "
            "{min: 1, max: 8} where GPU nodes come when there is work"
        )
    if isinstance(resources.actors, ActorRange):
        smallest, largest = resources.actors.min, resources.actors.max
    elif resources.actors == "auto" and gpus:
        smallest, largest = (max(1, min(int(there / gpus), shards)) for there in (nodes.gpus, most_gpus))
    elif resources.actors == "auto":
        worthwhile = -(-shards // SHARDS_PER_ACTOR)
        smallest, largest = (max(1, min(int(there / cpus), worthwhile)) for there in (nodes.cpus, most_cpus))
        if largest < int(nodes.cpus / cpus):
            cpus = max(cpus, min(nodes.cpus / largest, nodes.largest))
    else:
        smallest = largest = resources.actors
    threads = max(1, int(cpus))
    reading = most_cpus if nodes.reading is None else nodes.reading
    return Pool(smallest, largest, ACTOR_SHARE * cpus, gpus, threads, max(1, int(reading) // 8))
