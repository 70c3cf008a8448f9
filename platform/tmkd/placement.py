"""On which nodes of a cluster a kind of work runs: what the recipe asks for, else the nodes that are marked for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from tmkd.cluster import Fits, Machines, in_reach
from tmkd.config import Config

Work = Literal["teachers", "training", "reading"]
MARK = "tmkd_"
"""Before a kind of work, the custom resource by which a cluster's nodes are marked for it (see cluster.yaml)."""
RAY_S_OWN = "ray.io/"
"""Before the labels that Ray gives to nodes by itself."""
ACCELERATOR = "accelerator_type:"
"""Before a kind of GPU, Ray's own resource for it."""
SHARE = 0.001
"""Of a mark, taken by each actor, worker or task: it decides where they run, not how many."""


class Placement(Config):
    """Which nodes may run it; where nothing is said, those marked ``tmkd_teachers`` or ``tmkd_training``, if any."""

    accelerator_type: str | None = Field(None, description="kind of GPU by Ray's name, such as L4, A100 or H100")
    custom: dict[str, Annotated[float, Field(ge=0, le=1e6)]] = Field(
        {}, description="custom resources of Ray that each actor or worker takes, such as {big_memory: 1}"
    )
    labels: dict[str, str] = Field(
        {}, description="labels that a node must have, in Ray's syntax of label selectors, such as {market-type: spot}"
    )

    @property
    def is_free(self) -> bool:
        return not (self.accelerator_type or self.custom or self.labels)

    def resources(self, work: Work) -> dict[str, float]:
        """Return the custom resources that one actor or worker takes on the connected cluster."""
        mark = f"{MARK}{work}"
        return {mark: SHARE} if self.is_free and in_reach().get(mark) else dict(self.custom)

    def takes(self, work: Work) -> Fits:
        """Return which nodes of the connected cluster may run it, there or to come; see `tmkd.cluster.in_reach`."""
        wanted = self.resources(work)

        def fits(found: Machines) -> bool:
            has = all(found.resources.get(name, 0) >= amount for name, amount in wanted.items())
            return has and _has_labels(found, self.labels) and _has_accelerator(found, self.accelerator_type)

        return fits

    def in_reach(self, work: Work) -> dict[str, float]:
        """Return resource -> how much of it those nodes have, or may have, together."""
        return in_reach(self.takes(work))

    def options(self, work: Work) -> dict[str, Any]:
        """Return what Ray's ``.options()`` is told."""
        found = {
            "resources": self.resources(work),
            "label_selector": dict(self.labels),
            "accelerator_type": self.accelerator_type,
        }
        return {key: value for key, value in found.items() if value}


def _has_labels(found: Machines, wanted: Mapping[str, str]) -> bool:
    """Tell whether a node has what label selectors ask for; what Ray itself will label is not known before."""
    known = {key: value for key, value in wanted.items() if found.are_there or not key.startswith(RAY_S_OWN)}
    return all(_matches(found.labels.get(key), value) for key, value in known.items())


def _matches(has: str | None, selector: str) -> bool:
    """Read one of Ray's label selectors: ``a``, ``!a``, ``in(a, b)``, ``!in(a, b)``."""
    plain = selector.removeprefix("!")
    listed = plain.removeprefix("in(").removesuffix(")").split(",") if plain.startswith("in(") else [plain]
    return (has in [each.strip() for each in listed]) != selector.startswith("!")


def _has_accelerator(found: Machines, kind: str | None) -> bool:
    if kind is None:
        return True
    kinds = [name for name in found.resources if name.startswith(ACCELERATOR)]
    unknown = not found.are_there and not kinds and found.resources.get("GPU", 0) > 0
    return unknown or f"{ACCELERATOR}{kind}" in kinds
