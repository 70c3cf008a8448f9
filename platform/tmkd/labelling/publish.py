"""Last stage: publish one shard's soft labels, and put aside what could not be scored."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tmkd.errors import UserError
from tmkd.labelling.job import Job, Row, rejected_path
from tmkd.labelling.rejected import NOT_FINITE, count_reasons, has_too_many, refusal
from tmkd.soft_labels.layouts import storable, unpack

IntArray = npt.NDArray[np.int64]
STAGES = ("reading", "scoring", "publishing")


def publish(row: Row, job: Job) -> Row:
    """Publish every teacher's soft labels of one shard, and put aside the rows that it could not score.

    Returns:
        ``split``, ``shard``, ``teachers``, ``pairs`` and ``rejected`` (counts, the latter one a teacher), ``reasons``
        (JSON: teacher -> reason -> rejected rows), ``too_large``, ``fault`` (what stopped it, or nothing), and the
        seconds of ``reading``, ``scoring`` and ``publishing``.
    """
    started = time.perf_counter()
    done: Row = {"split": row["split"], "shard": row["shard"], "teachers": [], "pairs": 0, "rejected": [], "fault": ""}
    done |= {"reasons": "{}", "too_large": int(row.get("too_large", 0))}
    done |= dict.fromkeys(STAGES, 0.0)
    if row.get("fault"):
        return {**done, "fault": row["fault"]}
    split, shard, ids = str(row["split"]), str(row["shard"]), np.asarray(row["ids"])
    teachers, rejected, counted = [str(name) for name in row["teachers"]], [], {}
    for teacher in teachers:
        labels = unpack(row, f"{teacher}:")
        bad = np.flatnonzero(~storable(labels))
        reasons = {int(position): reason for position, reason in json.loads(row[f"{teacher}:faults"]).items()}
        store = job.store(split, teacher)
        if store.fingerprint != job.bound[split, teacher]:
            return {**done, "fault": f"{store.folder}: another run has bound these labels anew; run this again"}
        try:
            mine = {row: reasons.get(row) for row in bad.tolist()}
            _publish_rejected(job, split, shard, teacher, ids, mine)
            counted[teacher] = count_reasons(mine.values())
            if has_too_many(len(bad), len(ids), job.max_rejected):
                where = f"teacher {teacher} on {split}/{shard}"
                listed = job.workspace.show(rejected_path(job.corpus, split, teacher, shard))
                fault = refusal(where, len(bad), len(ids), job.max_rejected, counted[teacher], listed)
                return {**done, "fault": fault}
            store.publish(shard, ids, labels)
        except UserError as error:  # no room, no permission, no such bucket: nothing of this shard counts as done
            return {**done, "fault": str(error)}
        rejected.append(len(bad))
    seconds = {"reading": row["reading"], "scoring": row["scoring"], "publishing": time.perf_counter() - started}
    return {
        **done,
        "teachers": teachers,
        "pairs": len(ids),
        "rejected": rejected,
        "reasons": json.dumps(counted),
        **seconds,
    }


def _publish_rejected(
    job: Job, split: str, shard: str, teacher: str, ids: IntArray, reasons: Mapping[int, str | None]
) -> None:
    path, source = rejected_path(job.corpus, split, teacher, shard), job.shard_path(split, shard)
    bad = np.array(list(reasons), dtype=np.int64)
    if not len(bad):
        job.workspace.delete(path)
        job.workspace.delete(f"{path}.sha256")
        return
    texts = job.workspace.read_table(source, columns=["question", job.text]).take(bad)
    table = pa.table(
        {
            "source": pa.array([source] * len(bad)),
            "position": pa.array(bad),
            "id": pa.array(ids[bad]),
            "reason": pa.array([f"teacher {teacher}: {reason or NOT_FINITE}" for reason in reasons.values()]),
            "question": texts["question"],
            job.text: texts[job.text],
        }
    )
    job.workspace.publish_table(path, table)
