"""First stage: read one shard and tokenise it, once per vocabulary."""

from __future__ import annotations

from functools import lru_cache

import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from tmkd.cluster import setup_worker
from tmkd.errors import UserError
from tmkd.labelling.job import TEXT_COLUMNS, Job, Row
from tmkd.models.folders import local_folder
from tmkd.tasks.tokens import TokenCache
from tmkd.teachers.folder import load_tokenizer


def read_tokenise(row: Row, job: Job) -> Row:
    """Read one shard's token columns, tokenising what the cache does not hold.

    Args:
        row: ``split`` and ``shard``.
        job: what is run.

    Returns:
        The row with ``ids`` int64 [n] and, for question and passage, flat ``values`` and ``offsets`` [n + 1]; or
        with ``fault``, a message for the user.
    """
    setup_worker()
    try:
        return _read(row, job)
    except UserError as error:  # Ray Data would bury it under its own errors
        return {"split": row["split"], "shard": row["shard"], "fault": str(error)}


def _read(row: Row, job: Job) -> Row:
    split, shard = str(row["split"]), str(row["shard"])
    cache = TokenCache(job.workspace, job.corpus, job.corpus_fingerprint, _tokenizer(job.folder, job.key))
    result: Row = {"split": split, "shard": shard}
    try:
        for column in TEXT_COLUMNS:
            pattern = job.config.question_pattern if column == "question" else None
            result["ids"], tokens = cache.read(split, shard, column, pattern)
            result[f"{column}_values"], result[f"{column}_offsets"] = tokens.values, tokens.offsets
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
