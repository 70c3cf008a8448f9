"""From the rows of a reader to checked rows in a spool; a row that cannot be used is rejected with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tmkd.console import Bar
from tmkd.corpus.config import AUTO, CorpusConfig
from tmkd.corpus.files.labels import LabelReader, read_grade
from tmkd.corpus.files.records import INVALID_ENCODING, Bad, Record, Row, batches
from tmkd.corpus.files.sources import Source
from tmkd.corpus.files.spool import KEYS, Spool
from tmkd.corpus.files.values import text_of
from tmkd.corpus.hashing import text_hash
from tmkd.corpus.ledger import Ledger
from tmkd.corpus.schema import TEST, TRAIN, VALIDATION
from tmkd.tasks.base import load_part
from tmkd.tasks.registry import task_of

DUPLICATE_KEY = "duplicate key"


RowCheck = Callable[["Checker", Source, Row], tuple[Any, ...]]
"""Checks one row: returns the values of the spool's schema and the three keys; raises `ValueError` with the reason."""


class Checker:
    """Checks the rows of one split's files. Remembers every key of the user's (about 60 bytes each)."""

    def __init__(self, config: CorpusConfig, ledger: Ledger, spool: Spool) -> None:
        self._config = config
        self._ledger = ledger
        self._spool = spool
        self._row: RowCheck = load_part(task_of(config.task).row)
        self.labels = LabelReader(config.classes, config.no_label, config.labels)
        self._seen: set[int] = set()
        self._last_question: tuple[str, int] = ("", 0)
        self.taken = 0
        """Rows taken so far, good and bad."""
        self.negative_grades = 0
        """Rows whose grade is below 0: not judged, as for trec_eval."""

    @property
    def split(self) -> str:
        return self._spool.split

    @property
    def lacks_labels(self) -> bool:
        """Whether a split that is for golden labels has none."""
        return self.split in (TRAIN, VALIDATION, TEST) and not self._spool.judged.any()

    def take(self, source: Source, records: Iterable[Record], bar: Bar) -> None:
        """Put the good rows of one source into the spool and the others into the ledger."""
        for batch in batches(records):
            self._ledger.read += len(batch)
            self.taken += len(batch)
            good = [checked for record in batch if (checked := self._checked(source, record))]
            if good:
                self._keep(good)
            bar.advance(len(batch))

    def _checked(self, source: Source, record: Record) -> tuple[Any, ...] | None:
        if isinstance(record, Bad):
            self._ledger.reject(self._spool.split, source.name, *record)
            return None
        try:
            return self._row(self, source, record)
        except ValueError as error:  # UnicodeEncodeError too: half a surrogate pair out of a JSON escape
            reason = INVALID_ENCODING.format(encoding="UTF-8") if isinstance(error, UnicodeError) else str(error)
        shown = " | ".join(str(value) for value in record.values if value is not None)
        self._ledger.reject(self._spool.split, source.name, record.position, reason, shown)
        return None

    def _keep(self, rows: list[tuple[Any, ...]]) -> None:
        columns = [list(column) for column in zip(*rows, strict=True)]
        names = (*self._spool.schema.names, *KEYS)
        named = dict(zip(names, columns, strict=True))
        self._spool.add({name: named[name] for name in self._spool.schema.names}, {name: named[name] for name in KEYS})

    def judgement(self, source: Source, label: Any, grade: Any) -> tuple[int | None, float | None]:
        known = self.labels.read(label) if label is not None else None
        degree = read_grade(grade) if grade is not None else None
        if degree is not None and degree < 0:
            self.negative_grades += 1
            degree = None
        if degree is not None and known is None and source.columns.get("label", AUTO) == AUTO:
            known = int(degree > 0)
        return known, degree if degree is not None else known

    def question_key(self, question: str) -> int:
        # A question's candidates mostly stand together, so the last key is often the next one.
        if question != self._last_question[0]:
            self._last_question = question, text_hash(" ".join(question.lower().split()))
        return self._last_question[1]

    def key(self, value: Any) -> str:
        source_id = text_of(value, "source_id")
        key = hash(source_id)
        if key in self._seen:
            raise ValueError(DUPLICATE_KEY)
        source_id.encode()
        self._seen.add(key)
        return source_id
