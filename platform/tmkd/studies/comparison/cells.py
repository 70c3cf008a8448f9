"""The cells of a comparison: which students are trained, and the recipe of each of them with one seed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tmkd.config import Tree, parse
from tmkd.errors import UserError
from tmkd.objectives.compose import learns_headers
from tmkd.recipe.compare import Grid
from tmkd.recipe.recipe import Recipe
from tmkd.recipe.regimes import M_O_M, has_two_stages, regime_of, with_regime
from tmkd.students.registry import kind_of

GOLDEN, OWN = "golden", "own"
"""A regime, and how a recipe is called whose own values are none of them."""


@dataclass(frozen=True)
class Cell:
    """One row of a comparison: what its seeds have in common. None: as the recipe says, or it makes no difference.

    Attributes:
        regime: what is learned from.
        student: kind of student.
        layers: of an encoder.
        alpha: weight of the soft labels in stage 2.
        objective: loss on the soft labels of both stages.
        unlabeled_rows: rows of stage 1; None = all.
        learning_rate: of an encoder's stage 2, after a stage 1.
    """

    regime: str
    student: str
    layers: int | None
    alpha: float | None
    objective: str | None
    unlabeled_rows: int | None
    learning_rate: float | None = None

    def name(self, usual: Cell) -> str:
        """Return the regime and what differs from ``usual``, the recipe's own settings."""
        parts = [self.regime]
        if self.student != usual.student:
            parts.append(self.student.replace("_", "-"))
        if self.layers not in (usual.layers, None):
            parts.append(f"{self.layers} layer{'s' if self.layers != 1 else ''}")
        if self.alpha not in (usual.alpha, None):
            parts.append(f"α {self.alpha:g}")
        if self.objective not in (usual.objective, None):
            parts.append(str(self.objective))
        if self.unlabeled_rows not in (usual.unlabeled_rows, None):
            parts.append(f"{self.unlabeled_rows:,} row{'s' if self.unlabeled_rows != 1 else ''}")
        if self.learning_rate not in (usual.learning_rate, None):
            parts.append(f"rate {self.learning_rate:g}")
        return " · ".join(parts)


def usual_cell(recipe: Recipe) -> Cell:
    """Return the recipe's own settings as a cell; an objective of its own in each stage is none of a cell's."""
    pretrain, finetune = recipe.pretrain, recipe.finetune
    two_stages = pretrain.enabled or finetune.starts_from is not None
    listed = bool(pretrain.objectives or finetune.objectives)
    alike = pretrain.objective == finetune.objective and not listed
    golden_alone = not learns_headers(recipe.objectives["finetune"])
    return Cell(
        regime_of(two_stages, recipe.student.soft_headers, golden_alone) or OWN, recipe.student.kind,
        recipe.student.layers, None if finetune.objectives else finetune.alpha,
        finetune.objective if alike else None, pretrain.rows,
        finetune.learning_rate if kind_of(recipe.student.kind).is_cut else None,
    )  # fmt: skip


def cells(recipe: Recipe) -> list[Cell]:
    """Return the rows of all grids, each once, in the order in which they are asked for.

    Raises:
        UserError: if they are to be of the recipe's own regime, and it has none; or of its alpha, and that is 0.
    """
    _refuse_what_holds_for_all(recipe)
    return list(dict.fromkeys(cell for grid in recipe.compare.grids for cell in _of_grid(grid, usual_cell(recipe))))


def _refuse_what_holds_for_all(recipe: Recipe) -> None:
    usual, grids = usual_cell(recipe), recipe.compare.grids
    if usual.alpha == 0 and any(not grid.alphas and {*(grid.regimes or [usual.regime])} - {GOLDEN} for grid in grids):
        raise UserError(
            f"finetune.alpha: 0, which --regime {GOLDEN} sets, would hold for every cell; drop it, and "
            f"name {GOLDEN} among the regimes of --compare.grids, or give the others alphas"
        )
    if usual.regime == OWN and not all(grid.regimes for grid in grids):
        raise UserError(
            f"compare.grids: student.soft_headers: {recipe.student.soft_headers} is of none of the regimes, so every "
            "row must name its own, such as {regimes: [tmkd], layers: [1, 3]}"
        )


def _of_grid(grid: Grid, usual: Cell) -> list[Cell]:
    axes: tuple[list[Any], ...] = (
        grid.regimes or [usual.regime],
        grid.students or [usual.student],
        grid.layers or [usual.layers],
        grid.alphas or [usual.alpha],
        grid.objectives or [usual.objective],
        grid.unlabeled_rows or [usual.unlabeled_rows],
        grid.learning_rates or [usual.learning_rate],
    )
    return [_canonical(Cell(*values)) for values in itertools.product(*axes)]


def _canonical(cell: Cell) -> Cell:
    """Drop what makes no difference, so that equal students are one cell."""
    golden, kind = cell.regime == GOLDEN, kind_of(cell.student)
    return Cell(
        cell.regime,
        cell.student,
        cell.layers if kind.is_cut else None,
        None if golden else cell.alpha,
        None if golden else cell.objective,
        cell.unlabeled_rows if has_two_stages(cell.regime) else None,
        cell.learning_rate if has_two_stages(cell.regime) and kind.is_cut else None,
    )


def cell_recipes(recipe: Recipe, cell: Cell, seed: int) -> list[Recipe]:
    """Return the recipe of a cell's student with one seed; of ``m-o-m`` one a teacher that has a weight.

    Raises:
        UserError: if the cell's values do not go together.
    """
    if cell.regime != M_O_M:
        return [_cell_recipe(recipe, cell, seed, cell.regime, {})]
    named = {name: seeded(name, recipe, seed) for name, teacher in recipe.teachers.items() if teacher.weight}
    return [_cell_recipe(recipe, cell, seed, "1-o-1", {"soft_headers": name}) for name in named.values()]


def _cell_recipe(recipe: Recipe, cell: Cell, seed: int, regime: str, student: Mapping[str, Any]) -> Recipe:
    tree = with_regime(teachers_of_seed(recipe, seed).model_dump(mode="json"), regime)
    tree["regime"] = None  # its values are in the tree, and m-o-m's are not those of 1-o-1
    tree["student"] |= {"kind": cell.student, "seed": seed, **student}
    if cell.layers is not None:
        tree["student"]["layers"] = cell.layers
    if cell.alpha is not None:
        tree["finetune"]["alpha"] = cell.alpha
    if cell.learning_rate is not None:
        tree["finetune"]["learning_rate"] = cell.learning_rate
    for stage in ("pretrain", "finetune") if cell.objective is not None else ():
        temperature = getattr(recipe, stage).temperature if cell.objective == "kl" else 1.0
        tree[stage] |= {"objective": cell.objective, "temperature": temperature}
    if has_two_stages(cell.regime):
        tree["pretrain"]["rows"] = cell.unlabeled_rows
    return parse(Recipe, tree, f"compare.grids: {cell.name(usual_cell(recipe))}, seed {seed}")


def teachers_of_seed(recipe: Recipe, seed: int) -> Recipe:
    """Return the recipe with the teachers of a seed: those that are trained get a name and a seed of their own."""
    if all(seeded(name, recipe, seed) == name for name in recipe.teachers):
        return recipe
    tree: Tree = recipe.model_dump(mode="json")
    tree["teachers"] = {}
    for name, entry in recipe.teachers.items():
        teacher = entry.model_dump(mode="json")
        new = seeded(name, recipe, seed)
        if new != name:
            teacher["train"]["seed"] = seed
        if entry.train is not None and entry.train.warm_up is not None:
            warming = [seeded(other, recipe, seed) for other in entry.train.warm_up.teachers]
            teacher["train"]["warm_up"]["teachers"] = warming
        tree["teachers"][new] = teacher
    asked = recipe.student.soft_headers
    tree["student"]["soft_headers"] = seeded(asked, recipe, seed) if asked in recipe.teachers else asked
    return parse(Recipe, tree, f"compare.reseed_teachers, seed {seed}")


def seeded(teacher: str, recipe: Recipe, seed: int) -> str:
    """Return what a teacher is called with a seed: its own name, unless it is trained anew for that seed."""
    anew = recipe.compare.reseed_teachers and recipe.teachers[teacher].train is not None and seed != recipe.seed
    return f"{teacher}-seed{seed}" if anew else teacher
