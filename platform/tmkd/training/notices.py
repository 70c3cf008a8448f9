"""Nodes that are about to be taken away (a spot notice, a drained node): a last checkpoint before they go."""

from __future__ import annotations

import ray.train

ASK_EVERY_STEPS = 5
"""All workers wait for each other to ask; a notice comes a minute or two ahead."""


class Notices:
    """What Ray Train's workers are told of nodes that go.

    Args:
        heeded: whether to ask at all; a machine of one's own is not taken away.
    """

    def __init__(self, heeded: bool) -> None:
        self._heeded = heeded
        self._known: frozenset[str] = frozenset()

    def is_new(self, step: int) -> bool:
        """Tell, the same to every worker, whether more nodes are going since the last call; to be called every step."""
        if not self._heeded or step % ASK_EVERY_STEPS:
            return False
        info = ray.train.get_preemption_info()
        going = frozenset(info.preempted_node_ids) if info else frozenset()
        new, self._known = not going <= self._known, self._known | going
        return new
