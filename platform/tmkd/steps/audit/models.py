"""Audit of model folders, of what is stored beside them, and of calibrations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from tmkd.integrity import DamagedError
from tmkd.models.hashes import HASHES, changed_files
from tmkd.sealed import is_sealed
from tmkd.soft_labels.calibration import calibration_path, load_calibration
from tmkd.steps.audit.findings import BASES, CALIBRATIONS, STUDENTS, TEACHERS, Findings
from tmkd.students.bi_lstm import DONE
from tmkd.training.plan import NOTE
from tmkd.workspace import HASH_SUFFIX, Workspace

MARKS = {NOTE, DONE, HASHES}
"""Files of which one is in every model folder that was published here."""


def audit_models(workspace: Workspace, corpora: Sequence[str], findings: Findings) -> None:
    """Read the trained teachers and word bases of some corpora, and the students of all runs."""
    roots = {"students": STUDENTS, "fixture": BASES}
    for corpus in corpora:
        roots |= {f"teachers/{corpus}": TEACHERS, f"runs/warm_up/{corpus}": TEACHERS, f"bases/{corpus}": BASES}
    for root, kind in roots.items():
        for folder in _model_folders(workspace, root):
            _audit_folder(workspace, folder, kind, findings)


def audit_calibrations(workspace: Workspace, corpus: str, findings: Findings) -> None:
    """Read the calibration of every teacher of a corpus."""
    for teacher in workspace.folders(f"teachers/{corpus}"):
        path = calibration_path(corpus, teacher)
        if workspace.exists(path):
            findings.files[CALIBRATIONS] += 1
            try:
                load_calibration(workspace, corpus, teacher)
                if not is_sealed(workspace, path):
                    findings.unchecked.append((CALIBRATIONS, path))
            except DamagedError as error:
                findings.fault(CALIBRATIONS, path, error)


def _model_folders(workspace: Workspace, root: str) -> Iterator[str]:
    for name in workspace.folders(root):
        folder = f"{root}/{name}"
        if MARKS & set(workspace.list(folder)):
            yield folder
        yield from _model_folders(workspace, folder)


def _audit_folder(workspace: Workspace, folder: str, kind: str, findings: Findings) -> None:
    try:
        reasons = changed_files(workspace, folder)
    except DamagedError as error:
        findings.files[kind] += 1
        findings.fault(kind, f"{folder}/{HASHES}", error)
        return
    if reasons is None:
        findings.unchecked.append((kind, folder))
        _audit_note(workspace, f"{folder}/{NOTE}", kind, findings)
        return
    findings.files[kind] += len(reasons) + 1
    for name, reason in reasons.items():
        if reason:
            findings.fault(kind, f"{folder}/{name}", reason)
    for name in workspace.list(folder, HASH_SUFFIX):  # scores of a student, kept for the next comparison
        findings.files[kind] += 1
        path = f"{folder}/{name.removesuffix(HASH_SUFFIX)}"
        if not workspace.is_intact(path):
            findings.fault(kind, path, "is truncated or changed; it is made again when it is needed")


def _audit_note(workspace: Workspace, path: str, kind: str, findings: Findings) -> None:
    if workspace.exists(path):
        try:
            json.loads(workspace.read_bytes(path))
        except ValueError:
            findings.fault(kind, path, "is cut or no JSON")
