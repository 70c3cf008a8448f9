"""Last stage: publish one shard's soft labels, and put aside what could not be scored."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tmkd.labelling.job import TEXT_COLUMNS, Job, Row
from tmkd.soft_labels.store import storable


def publish(row: Row, job: Job) -> Row:
    """Publish one shard's soft labels, and put aside the rows that the teacher could not score.

    Returns:
        ``split``, ``shard``, ``pairs`` and ``rejected`` (counts), ``fault`` (what stopped it, or nothing).
    """
    if row.get("fault"):
        return {"split": row["split"], "shard": row["shard"], "pairs": 0, "rejected": 0, "fault": row["fault"]}
    split, shard = str(row["split"]), str(row["shard"])
    ids, logits = np.asarray(row["ids"]), np.asarray(row["logits"], dtype=np.float32)
    bad = np.flatnonzero(~storable(logits))
    _publish_rejected(job, split, shard, ids, bad)
    job.store(split).publish(shard, ids, logits)
    return {"split": split, "shard": shard, "pairs": len(ids), "rejected": len(bad), "fault": ""}


def _publish_rejected(job: Job, split: str, shard: str, ids: npt.NDArray[np.int64], bad: npt.NDArray[np.int64]) -> None:
    path, source = job.rejected_path(split, shard), job.shard_path(split, shard)
    if not len(bad):
        job.workspace.delete(path)
        job.workspace.delete(f"{path}.sha256")
        return
    texts = job.workspace.read_table(source, columns=list(TEXT_COLUMNS)).take(bad)
    table = pa.table(
        {
            "source": pa.array([source] * len(bad)),
            "position": pa.array(bad),
            "id": pa.array(ids[bad]),
            "reason": pa.array([f"teacher {job.teacher}: score is not finite"] * len(bad)),
            "question": texts["question"],
            "passage": texts["passage"],
        }
    )
    job.workspace.publish_table(path, table)
