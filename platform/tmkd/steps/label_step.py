"""What ``label_corpus.py`` does beside labelling: the plan before."""

from __future__ import annotations

from typing import Any

from tmkd.console import heading, show_table
from tmkd.errors import UserError
from tmkd.labelling.forecast import Forecast, forecast
from tmkd.steps.class_check import check_classes
from tmkd.steps.context import Context
from tmkd.steps.corpus import ensure_corpus
from tmkd.steps.label_plan import plan_path
from tmkd.steps.spans.attention import forecast_attention
from tmkd.steps.teachers import JUDGED, is_trained, learned_splits, teacher_model, views_of_one_model


def refuse_mixed(context: Context) -> None:
    """Refuse switches of which one would do nothing: neither an audit nor a plan takes labels back."""
    asked = [f"--{name}" for name in ("verify", "plan", "requeue") if name in context.asked]
    asked += ["--relabel"] if context.relabel else []
    if len(asked) > 1 and asked[0] in ("--verify", "--plan"):
        raise UserError(
            f"{' and '.join(asked)}: {asked[0]} takes no labels back; give the others in a run of their own"
        )


def forecast_labels(context: Context) -> dict[str, Any]:
    """Say what labelling will take, teacher by teacher and in all, and keep it for the comparison afterwards."""
    corpus = ensure_corpus(context)
    recipe = context.recipe
    untrained = [name for name in recipe.in_order() if not is_trained(context, corpus, name)]
    if untrained:
        raise UserError(
            f"--plan: {' and '.join(untrained)} must be trained before it can be timed, which is not free (labels for "
            "a warm-up included): run jobs/train_teachers.py first"
        )
    check_classes(context, corpus)
    heading("plan")
    splits = [split for split in (*learned_splits(recipe), *JUDGED) if corpus.rows(split)]
    found = []
    for names in views_of_one_model(recipe.teachers, recipe.in_order()):
        configs = {name: recipe.teachers[name].config() for name in names}
        found.append(
            forecast(
                context.workspace, corpus, splits, configs, teacher_model(context, names[0]),
                recipe.labelling.actors, recipe.labelling.price_per_hour,
                recipe.labelling.max_rejected,
            )
        )  # fmt: skip
    found += forecast_attention(context, corpus)
    _show(found)
    total = _total(found)
    context.workspace.publish_json(plan_path(context, corpus), {"teachers": [each.as_json() for each in found]})
    return {**total, "teachers": [each.as_json() for each in found]}


def _show(found: list[Forecast]) -> None:
    rows: list[list[Any]] = [
        [
            " and ".join(each.teachers),
            f"{each.shards:,}",
            f"{each.pairs:,}",
            f"{each.bytes / 1e6:.1f}",
            f"{each.pairs_per_second:.0f}" if each.shards else "–",  # nothing was timed
            each.actors,
            f"{each.hours:.3f}",
            "-" if each.cost is None else f"{each.cost:.2f}",
        ]
        for each in found
    ]
    columns = ["teachers", "shards left", "pairs left", "MB", "pairs/s an actor", "actors", "hours", "cost"]
    show_table("What labelling will take", columns, rows)


def _total(found: list[Forecast]) -> dict[str, Any]:
    costs = [each.cost for each in found if each.cost is not None]
    return {
        "shards": sum(each.shards * len(each.teachers) for each in found),
        "pairs": sum(each.pairs * len(each.teachers) for each in found),
        "bytes": sum(each.bytes for each in found),
        "hours": sum(each.hours for each in found),
        "cost": sum(costs) if costs else None,
    }
