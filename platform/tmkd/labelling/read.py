"""First stage: read one shard and tokenise it, once per vocabulary."""

from __future__ import annotations

import time
from functools import lru_cache

import pyarrow as pa
import ray
from transformers import PreTrainedTokenizerBase

from tmkd.cluster import setup_worker
from tmkd.errors import UserError
from tmkd.labelling.job import TEXT_COLUMN, Job, Row, view_column
from tmkd.models.folders import local_folder
from tmkd.teachers.folder import load_tokenizer
from tmkd.text.tokens import TokenCache


def read_tokenise(row: Row, job: Job) -> Row:
    """Read one shard's token columns, tokenising what the cache does not hold.

    Args:
        row: ``split``, ``shard`` and the ``teachers`` whose labels of it are missing.
        job: what is run.

    Returns:
        The row with ``ids`` int64 [n], ``reading`` (seconds) and, for the text and each teacher's view of the question,
        flat ``values`` and ``offsets`` [n + 1]; or with ``fault``, a message for the user.
    """
    setup_worker()
    started = time.perf_counter()
    try:
        return {**_read(row, job), "reading": time.perf_counter() - started}
    except UserError as error:  # Ray Data would bury it under its own errors
        return {"split": row["split"], "shard": row["shard"], "fault": str(error)}


def _read(row: Row, job: Job) -> Row:
    split, shard = str(row["split"]), str(row["shard"])
    columns = {view_column(name): ("question", job.views[name].question) for name in row["teachers"]}
    cache = TokenCache(job.workspace, job.corpus, job.fingerprints, _tokenizer(job.folder, job.key))
    result: Row = {"split": split, "shard": shard, "teachers": list(row["teachers"])}
    try:
        for name, (column, view) in {TEXT_COLUMN: (job.text, job.passage), **columns}.items():
            result["ids"], tokens = cache.read(split, shard, column, view)
            result[f"{name}:values"], result[f"{name}:offsets"] = tokens.values, tokens.offsets
    except FileNotFoundError as error:
        place = error.filename or job.workspace.show(job.shard_path(split, shard))
        raise UserError(
            f"{place}: is not there on node {ray.util.get_node_ip_address()}; all nodes must see the workspace: give "
            "--workspace s3://… or a folder on a shared disk"
        ) from None
    except (pa.ArrowException, OSError) as error:
        place = job.workspace.show(job.shard_path(split, shard))
        raise UserError(
            f"{place}: this shard or its tokens (below {job.workspace.show(cache.folder)}) cannot be read "
            f"({str(error).splitlines()[0]}); delete the damaged file and make it again"
        ) from None
    return result


@lru_cache(maxsize=4)
def _tokenizer(folder: str, key: str) -> PreTrainedTokenizerBase:
    return load_tokenizer(local_folder(folder, key))
