"""Several chains of stages at once: the same models as one after the other, and what fails takes nothing with it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from one_fit import weights
from stage_changes import changed
from tiny_stages import engine_config, make_world, schedule, signal, stage
from tmkd.cluster import cluster_size
from tmkd.training import divergence
from tmkd.training.plan import finished
from tmkd.training.run import train
from tmkd.training.side_by_side import lanes, train_side_by_side


def chains_of(world):
    """Two students of one stage 1, one whose teacher has no labels, one that diverges, and one of golden labels."""
    first = stage(world, "cells/first", signals={"soft:a": signal("a")})

    def second(output: str, **changes):
        return stage(
            world, output, name="finetune", base=None, starts_from=first.output, parent=first.identity(), golden=True,
            golden_identity="judged", **{"schedule": schedule(max_steps=3), **changes},
        )  # fmt: skip

    light = second("cells/light", signals={"soft:a": signal("a")}, weights={"golden": 0.7, "soft": 0.3})
    broken = second("cells/broken", signals={"soft:missing": signal("missing")}, weights={"golden": 0.5, "soft": 0.5})
    wild = second("cells/wild", signals={"soft:a": signal("a")}, schedule=schedule(max_steps=4, learning_rate=1e30))
    heavy = second("cells/heavy", signals={"soft:a": signal("a")}, weights={"golden": 0.1, "soft": 0.9})
    golden = stage(world, "cells/golden", signals={}, golden=True, weights={"golden": 1.0}, golden_identity="judged")
    return [[first, light], [first, broken], [first, wild], [first, heavy], [golden]]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("side"))


@pytest.fixture(scope="module")
def failed(world, ray_session):
    return train_side_by_side(chains_of(world), engine_config(max_failures=0), world.workspace, "all", "cells")


def test_what_fails_is_named_and_the_others_are_trained(world, failed):
    assert set(failed) == {"cells/broken", "cells/wild"}
    assert "missing" in failed["cells/broken"]
    assert "diverged" in failed["cells/wild"] and "1e+30" in failed["cells/wild"]
    (wild,) = [chain[-1] for chain in chains_of(world) if chain[-1].output == "cells/wild"]
    assert divergence.noted(world.workspace, wild) == failed["cells/wild"]  # by the worker, which was not started anew
    done = {chain[-1].output for chain in chains_of(world) if finished(world.workspace, chain[-1])}
    assert done == {"cells/light", "cells/heavy", "cells/golden"}


def test_each_student_is_the_one_that_is_trained_alone(world, failed):
    first, light = chains_of(world)[0]
    alone = [changed(first, output="alone/first")]
    alone.append(changed(light, output="alone/light", starts_from="alone/first"))
    train(alone, engine_config(), world.workspace, "alone", "alone")
    one, other = weights(world, "alone/light"), weights(world, "cells/light")
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_nothing_is_trained_twice(world, failed):
    good = [chain for chain in chains_of(world) if chain[-1].output not in failed]
    before = {chain[-1].output: world.workspace.read_json(f"{chain[-1].output}/stage.json") for chain in good}
    assert train_side_by_side(good, engine_config(), world.workspace, "all", "cells") == {}
    assert before == {name: world.workspace.read_json(f"{name}/stage.json") for name in before}


def test_there_are_as_many_lanes_as_the_cluster_has_room_for(ray_session):
    cores = int(cluster_size()[0])
    on_cpus = partial(engine_config, gpus_per_worker=0)
    assert lanes(on_cpus()) == cores
    assert lanes(on_cpus(cpus_per_worker=2)) == lanes(on_cpus(workers=2)) == cores // 2
    assert lanes(on_cpus(workers=cores)) == lanes(on_cpus(workers=2 * cores)) == 1
