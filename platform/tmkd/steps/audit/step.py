"""``label_corpus.py --verify``: the audit of all that a recipe's results rest on; nothing is changed."""

from __future__ import annotations

from typing import Any

from tmkd.console import heading
from tmkd.corpus.manifest import manifest_path
from tmkd.errors import UserError
from tmkd.steps.audit.corpus import audit_corpus
from tmkd.steps.audit.findings import Findings
from tmkd.steps.audit.labels import audit_labels, audit_tokens
from tmkd.steps.audit.models import audit_calibrations, audit_models
from tmkd.steps.context import EXIT_STATUS, Context
from tmkd.steps.spans.split import other_corpus
from tmkd.workspace import Workspace, corpus_folder

FAULTY = 1


def verify_workspace(context: Context) -> dict[str, Any]:
    """Audit the recipe's corpora and what was made of them; the job's exit status tells whether all is well."""
    recipe, workspace = context.recipe, context.workspace
    if not _is_there(workspace, recipe.corpus.name):
        raise UserError(f"corpus {recipe.corpus.name}: there is none in {workspace.show()}")
    heading("verify")
    others = [other_corpus(recipe, key).name for key in recipe.evaluation.also]
    findings = audit(workspace, [recipe.corpus.name, *(name for name in others if _is_there(workspace, name))])
    findings.show()
    return {**findings.as_json(), EXIT_STATUS: FAULTY if findings.faults else 0}


def audit(workspace: Workspace, corpora: list[str]) -> Findings:
    """Read everything that was made of some corpora, and the students of all runs."""
    findings = Findings()
    for name in corpora:
        corpus = audit_corpus(workspace, name, findings)
        audit_labels(workspace, name, corpus, findings)
        audit_tokens(workspace, corpus, findings)
        audit_calibrations(workspace, name, findings)
    audit_models(workspace, corpora, findings)
    return findings


def _is_there(workspace: Workspace, corpus: str) -> bool:
    return workspace.exists(manifest_path(corpus)) or bool(workspace.folders(corpus_folder(corpus)))
