"""Data sets of the Hugging Face hub (or a local folder in its layout), through the library `datasets`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.files.class_numbers import ClassNumbers, names_of_feature
from tmkd.corpus.files.records import BATCH_ROWS, LABEL, Record, places
from tmkd.corpus.files.sources import WHOLE, Source
from tmkd.corpus.files.tables import rows_of
from tmkd.corpus.schema import SPLITS
from tmkd.errors import UserError, nearest


def open_hub(config: CorpusConfig) -> tuple[list[Source], Any]:
    """Return the sources of a hub data set and the loaded data set, ``{split name: Dataset}``.

    Without ``paths``, its splits named unlabeled, train, validation and test are used; if there is none of them, its
    only split is divided by question.

    Raises:
        UserError: if the library, the network, the data set, its subset or a split is missing.
    """
    dataset = _load(config)
    given = config.paths.given() or {split: [split] for split in SPLITS if split in dataset}
    given = given or ({WHOLE: [next(iter(dataset))]} if len(dataset) == 1 else {})
    for split, names in given.items():
        for name in names:
            if name not in dataset:
                raise UserError(
                    f"corpus.paths.{split}: hub data set {config.path!r} has no split {name!r}"
                    f"{nearest(name, dataset)}; its splits: {', '.join(dataset)}"
                )
    if not given:
        raise UserError(f"corpus.path: name the splits of {config.path!r} in corpus.paths: {', '.join(dataset)}")
    columns = config.columns.named()
    unlabeled = {role: column for role, column in columns.items() if role not in ("label", "grade")}
    sources = [
        Source(split, name, "hub", unlabeled if split == "unlabeled" else columns, name)
        for split, names in given.items()
        for name in names
    ]
    return sources, dataset


def read_hub(source: Source, dataset: Any, config: CorpusConfig) -> Iterator[Record]:
    """Yield the rows of one split; positions are row numbers from 1.

    A column of class numbers is read by the names that the data set gives them: what is 0 there need not be 0 in
    ``corpus.classes`` (GLUE's RTE and QNLI have it the other way round than most).

    Raises:
        UserError: if a column is missing, or the label's classes are not those of the corpus.
    """
    table = dataset[source.location].with_format("arrow")
    names, where = list(table.column_names), f"hub split {source.location}"
    wanted = places(names, source.columns, where)
    numbers, place = None, wanted[LABEL]
    if place is not None and (found := names_of_feature(getattr(table.features[names[place]], "names", None))):
        numbers = ClassNumbers(found, config, names[place], where)
    start = 1
    for part in table.iter(batch_size=BATCH_ROWS):
        yield from rows_of(part.to_batches(), wanted, names, start, numbers)
        start += part.num_rows


def _load(config: CorpusConfig) -> Any:
    try:
        datasets: Any = importlib.import_module("datasets")
    except ImportError:
        raise UserError("corpus.kind 'hub' needs the library datasets: pip install 'tmkd[hub]'") from None
    datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(config.path, config.subset)
    except Exception as error:  # the library raises many kinds; every one means that the data set is out of reach
        cause = f"{type(error).__name__}: {error}".split("\n")[0]
        raise UserError(
            f"corpus.path: hub data set {config.path!r}{f' ({config.subset})' if config.subset else ''} cannot be "
            f"loaded; is the id right, and is there a network (HF_HUB_OFFLINE unset)? {cause}"
        ) from None
