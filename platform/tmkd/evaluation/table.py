"""The one table: a row a model, on screen, as JSON and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tmkd import console
from tmkd.evaluation.agreement import Agreement
from tmkd.evaluation.quality import Quality

Kind = Literal["teacher", "ensemble", "baseline", "student"]
Stage = Literal["pretrained", "finetuned"]
SPAN_KEYS = ("exact_match", "f1")
CHARACTER_KEYS = ("exact_match_characters", "f1_characters")
AGREEMENT_KEYS = ("top1_agreement", "kendall_tau", "ndcg_teacher")
HEADINGS = {
    "model": "model", "kind": "kind", "stage": "stage", "header": "header", "accuracy": "accuracy", "auc": "AUC",
    "mrr10": "MRR@10", "ndcg10": "nDCG@10", "map": "MAP", "top1_agreement": "top-1 agreement",
    "kendall_tau": "Kendall tau", "ndcg_teacher": "nDCG@10 (teachers)", "exact_match": "exact match", "f1": "F1",
    "exact_match_characters": "exact match (characters)", "f1_characters": "F1 (characters)",
    "pairs_per_second": "pairs/s",
    "parameters": "parameters",
}  # fmt: skip
SHOWN_ALWAYS = ("model", "pairs_per_second", "parameters")
SHOWN_IN_THE_NAME = ("kind", "stage", "header")


@dataclass(frozen=True)
class ModelRow:
    """One model's line; the names are the keys of ``evaluate.py --json``.

    Attributes:
        model: unique name, see `model_name`.
        header: ``aggregate``, ``golden`` or ``soft:NAME`` for a student.
        parameters: number of weights.
        exact_match, f1: of answers in words, only where spans are read.
        exact_match_characters, f1_characters: the same by characters, only where answers need it.
        top1_agreement: this and the next two (see `Agreement`) only on a corpus without golden labels.
    """

    model: str
    kind: Kind
    stage: Stage | None = None
    header: str | None = None
    accuracy: float | None = None
    auc: float | None = None
    mrr10: float | None = None
    ndcg10: float | None = None
    map: float | None = None
    pairs_per_second: float | None = None
    parameters: int | None = None
    exact_match: float | None = None
    f1: float | None = None
    exact_match_characters: float | None = None
    f1_characters: float | None = None
    top1_agreement: float | None = None
    kendall_tau: float | None = None
    ndcg_teacher: float | None = None

    @classmethod
    def of(
        cls,
        kind: Kind,
        measured: Quality | Agreement,
        name: str = "",
        stage: Stage | None = None,
        header: str | None = None,
        pairs_per_second: float | None = None,
        parameters: int | None = None,
    ) -> ModelRow:
        """Make the row of a model from what was measured; ``name`` is a teacher's."""
        keys = AGREEMENT_KEYS if isinstance(measured, Agreement) else ("accuracy", "auc", "mrr10", "ndcg10", "map")
        measures: dict[str, Any] = {key: getattr(measured, key) for key in keys}
        model = model_name(kind, name, stage, header)
        return cls(model, kind, stage, header, pairs_per_second=pairs_per_second, parameters=parameters, **measures)


def model_name(kind: Kind, name: str = "", stage: Stage | None = None, header: str | None = None) -> str:
    """Return the unique name: ``teacher:a``, ``ensemble``, ``baseline``, ``student:finetuned:soft:a``."""
    return ":".join(part for part in (kind, name, stage, header) if part)


def as_json(rows: Sequence[ModelRow]) -> list[dict[str, Any]]:
    """Return JSON-able rows: NaN and infinity as None; the keys of spans and of agreement only if some row has them."""
    optional = (SPAN_KEYS, CHARACTER_KEYS, AGREEMENT_KEYS)
    absent = [keys for keys in optional if all(getattr(row, key) is None for row in rows for key in keys)]
    dropped = [key for keys in absent for key in keys]
    return [{key: finite(value) for key, value in asdict(row).items() if key not in dropped} for row in rows]


def columns(rows: Sequence[ModelRow]) -> list[str]:
    """Return the keys worth a column: those that some row has, without what the model's name says already."""
    return [
        key
        for key in HEADINGS
        if key in SHOWN_ALWAYS
        or (key not in SHOWN_IN_THE_NAME and any(finite(getattr(row, key)) is not None for row in rows))
    ]


def show(rows: Sequence[ModelRow], title: str) -> None:
    """Print the table on the user's screen."""
    keys = columns(rows)
    cells = [[_shown(key, finite(getattr(row, key))) for key in keys] for row in rows]
    console.show_table(title, [HEADINGS[key] for key in keys], cells)


def as_markdown(rows: Sequence[ModelRow]) -> str:
    """Return the table in Markdown, the same columns as on screen."""
    keys = columns(rows)
    lines = [
        "| " + " | ".join(HEADINGS[key] for key in keys) + " |",
        "|" + "|".join("---" if key == "model" else "---:" for key in keys) + "|",
    ]
    lines += ["| " + " | ".join(_cell(_shown(key, finite(getattr(row, key)))) for key in keys) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _shown(key: str, value: Any) -> Any:
    """Return a value as the table has it: rates from ten on without decimals."""
    return round(value) if key == "pairs_per_second" and value is not None and value >= 10 else value


def finite(value: Any) -> Any:
    """Return ``value``, or None for NaN and infinity, which JSON cannot hold."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")
