"""Plan and fact of labelling, side by side."""

from __future__ import annotations

from tmkd.console import show_table
from tmkd.corpus.manifest import CorpusManifest
from tmkd.labelling.report import LabelReport
from tmkd.steps.context import Context


def plan_path(context: Context, corpus: CorpusManifest) -> str:
    """Return where ``label_corpus.py --plan`` keeps what it said."""
    return f"{context.report_folder}/label_plan-{corpus.name}.json"


def compare_with_plan(context: Context, corpus: CorpusManifest, reports: dict[str, LabelReport]) -> None:
    """Print plan and fact side by side, if these teachers' labels were planned and all of the plan was done now."""
    path = plan_path(context, corpus)
    if not context.workspace.exists(path):
        return
    for plan in context.workspace.read_json(path)["teachers"]:
        done = reports.get(plan["teachers"][0])
        if list(reports) != plan["teachers"] or done is None or not 0 < done.shards_done == plan["shards"]:
            continue
        hours = done.seconds / 3600
        rows = [
            ["shards", plan["shards"], done.shards_done],
            ["pairs", plan["pairs"], done.pairs],
            ["hours", f"{plan['hours']:.4f}", f"{hours:.4f}"],
        ]
        if plan["cost"] is not None:
            rows.append(["cost", f"{plan['cost']:.4f}", f"{plan['cost'] * hours / plan['hours']:.4f}"])
        show_table("Plan and fact", ["", "plan", "fact"], rows)
