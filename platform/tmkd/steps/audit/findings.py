"""Findings of an audit: how many files of each kind were read, what is wrong with which, what cannot be checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from tmkd.console import note, show_table, warn
from tmkd.errors import UserError

CORPUS, GOLDEN, LABELS, MANIFESTS = "corpus", "golden labels", "soft labels", "manifests"
TOKENS, TEACHERS, CALIBRATIONS, STUDENTS, BASES = "tokens", "teachers", "calibrations", "students", "bases"
KINDS = (CORPUS, GOLDEN, LABELS, MANIFESTS, TOKENS, TEACHERS, CALIBRATIONS, STUDENTS, BASES)
SHOWN = 20


@dataclass(frozen=True)
class Fault:
    """What is wrong with one file, by its path in the workspace."""

    kind: str
    file: str
    reason: str


@dataclass
class Findings:
    """Counts of files read per kind, faults, and the paths of what has no hash to be compared with."""

    files: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    unchecked: list[tuple[str, str]] = field(default_factory=list)

    def fault(self, kind: str, file: str, reason: str | UserError) -> None:
        """Add a fault; of an error, the part of its message that says what is wrong."""
        said = str(reason).splitlines()[0]
        self.faults.append(Fault(kind, file, said.split(f"{file}: ")[-1]))

    def show(self) -> None:
        """Print a table of all kinds, and below it every fault, as far as there are not too many."""
        faults, unchecked = Counter(each.kind for each in self.faults), Counter(kind for kind, _ in self.unchecked)
        rows = [[kind, f"{self.files[kind]:,}", f"{faults[kind]:,}", f"{unchecked[kind]:,}"] for kind in KINDS]
        show_table("Audit", ["kind", "files read", "faults", "cannot be checked"], rows)
        for each in self.faults[:SHOWN]:
            warn(f"{each.file}: {each.reason}")
        if len(self.faults) > SHOWN:
            note(f"  … and {len(self.faults) - SHOWN} more; --json lists them all")
        for _, file in self.unchecked[:SHOWN]:
            note(f"  {file}: was made by an older version without hashes, so it cannot be checked")
        note(f"  {len(self.faults):,} fault(s) in {sum(self.files.values()):,} files")

    def as_json(self) -> dict[str, Any]:
        """Return all of it for ``--json``."""
        return {
            "faults": [asdict(each) for each in self.faults],
            "unchecked": [file for _, file in self.unchecked],
            "files": {kind: self.files[kind] for kind in KINDS},
        }
