"""A comparison told: one page, one JSON, the table on screen, and MLflow's runs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tmkd.console import note, show_table
from tmkd.evaluation.compared import Compared, Line
from tmkd.evaluation.comparison_page import render
from tmkd.evaluation.comparison_plots import as_png, as_svg, draw_all
from tmkd.steps.context import Context
from tmkd.training.plan import read_note

PAGE, NUMBERS = "comparison.html", "comparison.json"


def publish(context: Context, found: Compared) -> dict[str, Any]:
    """Write the report, tell MLflow and the user; returns what ``--json`` prints."""
    pictures = draw_all(found)
    page = render(found, {name: as_svg(picture) for name, picture in pictures.items()})
    pngs = {name: as_png(picture) for name, picture in pictures.items()}
    result = {**_json(found.as_json()), "page": context.workspace.show(f"{context.report_folder}/{PAGE}")}
    context.workspace.publish_bytes(f"{context.report_folder}/{PAGE}", page.encode(), with_hash=False)
    context.workspace.publish_json(f"{context.report_folder}/{NUMBERS}", result)
    for name, png in pngs.items():
        context.workspace.publish_bytes(f"{context.report_folder}/{name}.png", png, with_hash=False)
    _track(context, found, page, pngs)
    _show(found)
    note(f"report: {result['page']}")
    return result


def _track(context: Context, found: Compared, page: str, pngs: dict[str, bytes]) -> None:
    """Give MLflow a child a cell and seed; all have the same parameters and metrics, so that they can be compared."""
    with tempfile.TemporaryDirectory(prefix="tmkd-report-") as folder:
        for name, content in {PAGE: page.encode(), **{f"{name}.png": png for name, png in pngs.items()}}.items():
            path = Path(folder, name)
            path.write_bytes(content)
            context.run.file(path, "report")
    for line in found.students:
        for seed, value, folders in zip(found.seeds, line.by_seed, line.students, strict=True):
            with context.child(line.name, f"cell {context.recipe.run_name} {line.name} {seed}") as child:
                child.params({**line.settings, "seed": seed, "students": ", ".join(folders)})
                child.metrics({found.measure: value, "pairs_per_second": line.pairs_per_second})
                for name, points in _curves(context, folders).items():
                    child.curve(name, points)
    best = max(found.students, key=lambda line: line.over_questions.estimate)
    context.run.metrics({f"best_{found.measure}": best.over_questions.estimate})
    context.run.tags({"best": best.name})


def _curves(context: Context, folders: Sequence[str]) -> dict[str, list[tuple[int, float]]]:
    """Return the curves of a cell's last stage; several students have one each, of which the first is shown."""
    history = (read_note(context.workspace, folders[0]) or {}).get("history", {})
    return {name: [(int(step), float(value)) for step, value in points] for name, points in history.items()}


def _show(found: Compared) -> None:
    rows = [[*_cells(line)] for line in found.lines]
    columns = ["row", found.measure, "95 % over questions", "95 % over seeds", "pairs/s", "M parameters"]
    show_table(f"Comparison on {found.corpus}, {len(found.seeds)} seed(s)", columns, rows)
    for each in found.findings:
        claim, difference = each.claim, each.difference.interval
        shown = f"{difference.estimate:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}], p {each.p:.2g}"
        note(f"  paper, {claim.source}: {claim.better} > {claim.worse}: {each.verdict} ({shown})")


def _cells(line: Line) -> list[Any]:
    over, seeds = line.over_questions, line.over_seeds
    return [
        line.name,
        over.estimate,
        f"{over.low:.3f}-{over.high:.3f}",
        f"{seeds.low:.3f}-{seeds.high:.3f}" if seeds else "-",
        round(line.pairs_per_second) if line.pairs_per_second else None,
        f"{line.parameters / 1e6:.1f}" if line.parameters else None,
    ]


def _json(tree: Any) -> Any:
    """Return a tree as JSON can hold it: NaN and infinity as None."""
    return json.loads(json.dumps(tree), parse_constant=lambda _: None)
