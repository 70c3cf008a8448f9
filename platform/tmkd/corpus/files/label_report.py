"""One line for each way in which labels were read otherwise than by the exact names of the classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from tmkd.console import note, warn
from tmkd.corpus.config import AUTO, CorpusConfig
from tmkd.corpus.files.check import Checker
from tmkd.corpus.files.class_numbers import suggested_map
from tmkd.tasks.registry import task_of


def report_labels(checkers: Sequence[Checker], config: CorpusConfig) -> None:
    """Print how the golden labels of all splits were read, where that is not plain."""
    labels = [checker.labels for checker in checkers]
    renamed = {text: name for reader in labels for text, name in reader.renamed.items()}
    positions = {text: name for reader in labels for text, name in reader.positions.items()}
    unknown = sum((reader.unknown for reader in labels), Counter[str]())
    if renamed:
        note(f"  labels read by other names: {_shown(renamed)}")
    if positions:
        _report_positions(positions, config, mixed=any(reader.named and reader.positions for reader in labels))
    if unknown:
        warn(unknown_labels(unknown, config))
    if task_of(config.task).has_classes and config.columns.label == AUTO and config.columns.grade is None:
        for split in (checker.split for checker in checkers if checker.lacks_labels):
            reason = "no column 'label' was found (corpus.columns.label: auto), or all of it is empty"
            warn(f"{split}: no golden label; {reason}")
    if count := sum(checker.negative_grades for checker in checkers):
        note(f"  {count:,} rows with a grade below 0 count as not judged, as they do for trec_eval")


def unknown_labels(unknown: Counter[str], config: CorpusConfig) -> str:
    """Return which label values are no class, and the map that would help."""
    values = ", ".join(f"{text[:40]!r} ({count:,})" for text, count in unknown.most_common(5))
    return (
        f"labels that are none of corpus.classes ({', '.join(config.classes)}): {values}; if they are classes, "
        f"corpus.labels: {suggested_map([text[:40] for text, _ in unknown.most_common(5)])}"
    )


def _report_positions(positions: Mapping[str, str], config: CorpusConfig, mixed: bool) -> None:
    shown = f"read as positions in corpus.classes: {_shown(dict(sorted(positions.items())))}"
    if mixed:
        warn(f"the label column holds class names and numbers, which are {shown}; else map them in corpus.labels")
    elif len(config.classes) > 2:
        warn(f"labels are numbers, {shown}; if the source counts otherwise, map them in corpus.labels")
    else:
        note(f"  labels {shown} (another order: corpus.labels)")


def _shown(names: Mapping[str, str | None]) -> str:
    shown = [f"{text[:40]} = {'not judged' if name is None else name}" for text, name in list(names.items())[:12]]
    return ", ".join(shown) + (", …" if len(names) > 12 else "")
