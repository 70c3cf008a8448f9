"""What Ray Train is handed: a function and bytes, which its controller can hold without importing torch."""

from __future__ import annotations

from typing import Any


def worker(config: dict[str, Any]) -> None:
    """Unpack the plan in the worker and train; see `tmkd.training.loop`.

    Args:
        config: ``plan`` (a pickled `tmkd.training.plan.Plan`, from this process's own driver) and ``threads``.
    """
    import cloudpickle

    from tmkd.training.loop import train_stages

    train_stages(cloudpickle.loads(config["plan"]), config["threads"])
