"""Reading all sources of a config into spools, one a split."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from tmkd.console import progress_bar
from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.files.check import Checker
from tmkd.corpus.files.delimited import read_delimited
from tmkd.corpus.files.hub import open_hub, read_hub
from tmkd.corpus.files.json_rows import read_json
from tmkd.corpus.files.label_report import report_labels, unknown_labels
from tmkd.corpus.files.records import Bad, Record
from tmkd.corpus.files.sources import Source, list_sources, passages_sources
from tmkd.corpus.files.spool import Spool
from tmkd.corpus.files.squad import read_squad
from tmkd.corpus.files.tables import read_parquet
from tmkd.corpus.files.values import text_of
from tmkd.corpus.ledger import Ledger
from tmkd.corpus.schema import layout_of
from tmkd.errors import UserError


def records_of(source: Source, config: CorpusConfig, dataset: Any = None) -> Iterator[Record]:
    """Yield the rows of one source, whatever its format. ``dataset`` is the loaded hub data set."""
    if source.format == "hub":
        return read_hub(source, dataset, config)
    readers = {
        "parquet": read_parquet,
        "jsonl": read_json,
        "tsv": read_delimited,
        "csv": read_delimited,
        "squad": read_squad,
    }
    return readers[source.format](source, config)


def read_spools(config: CorpusConfig, ledger: Ledger, folder: Path) -> dict[str, Spool]:
    """Read and check every source.

    Args:
        config: a config of kind ``files`` or ``hub``.
        ledger: where read and rejected rows are counted.
        folder: for the spools; as large as the sources' text.

    Returns:
        ``{split: spool}``, in the order of the config.

    Raises:
        UserError: if a source is wrong as a whole, or gives no usable row.
    """
    sources, dataset = open_hub(config) if config.source_kind == "hub" else (list_sources(config), None)
    spools: dict[str, Spool] = {}
    checkers: list[Checker] = []
    for split in dict.fromkeys(source.split for source in sources):
        spool = spools[split] = Spool(folder, split, layout_of(config.task))
        checker = Checker(config, ledger, spool)
        checkers.append(checker)
        for source in (source for source in sources if source.split == split):
            with progress_bar(f"reading {source.name}", None) as bar:
                left = None if config.max_rows is None else config.max_rows - int(checker.taken)
                checker.take(source, islice(records_of(source, config, dataset), left), bar)
        spool.close()
        if not len(spool):
            raise UserError(_nothing(split, sources, checker, config, ledger))
    report_labels(checkers, config)
    return spools


def read_passages(config: CorpusConfig, ledger: Ledger) -> list[str] | None:
    """Return the different passages of ``mining.passages`` in order; None where no file is named there."""
    sources = passages_sources(config)
    found: dict[str, None] = {}
    for source in sources:
        with progress_bar(f"reading {source.name}", None) as bar:
            for record in records_of(source, config):
                bar.advance()
                ledger.read += 1
                passage = _passage(record)
                if isinstance(passage, Bad):
                    ledger.reject(source.split, source.name, *passage)
                elif passage in found:
                    ledger.deduplicated["repeated passage"] += 1
                else:
                    ledger.kept += 1
                    found[passage] = None
    if sources and not found:
        raise UserError(f"{sources[0].location}: holds no passage; expected one per row (corpus.mining.column)")
    return list(found) if sources else None


def _passage(record: Record) -> str | Bad:
    """Return the text of a row of a file of passages, or the row that has none."""
    if isinstance(record, Bad):
        return record
    value = record.values[1]
    try:
        return text_of(value, "passage")
    except ValueError as error:
        return Bad(record.position, str(error), "" if value is None else str(value))


def _nothing(split: str, sources: list[Source], checker: Checker, config: CorpusConfig, ledger: Ledger) -> str:
    where = ", ".join(source.location for source in sources if source.split == split)
    if not checker.taken:
        return f"{where}: holds no rows; expected questions, each with a text beside it"
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in ledger.rejected.most_common(5))
    unknown = checker.labels.unknown
    hint = unknown_labels(unknown, config) if unknown else "are columns, delimiter and classes right?"
    return f"{where}: none of the {checker.taken:,} rows can be used: {reasons}; {hint}"
