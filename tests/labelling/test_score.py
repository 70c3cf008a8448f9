"""What the scoring actor does with a mistake that a user has to mend."""

from types import SimpleNamespace

import numpy as np

from tmkd.errors import UserError
from tmkd.labelling.score import Score


def test_a_model_that_fails_on_everything_is_named_by_its_recipe_key(ray_session) -> None:
    def fail(*_: object) -> None:
        raise UserError("the model fails on every pair it is given (IndexError: index out of range in self)")

    actor = object.__new__(Score)
    actor.job = SimpleNamespace(key="teachers.t.model", task="label", pairs=1)
    actor._loaded = SimpleNamespace(score_views=fail)
    tokens = {f"{name}:{part}": np.array([0, 1]) for name in ("text", "view:t") for part in ("values", "offsets")}
    row = actor({"split": "train", "shard": "part-00000.parquet", "teachers": ["t"], **tokens})
    assert row["fault"].startswith("teachers.t.model: the model fails on every pair it is given (IndexError")
