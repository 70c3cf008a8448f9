"""Recipes: what is shipped is right, and what is wrong is told before anything loads."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from tmkd.app.fixture import shrink
from tmkd.config import apply_overrides, parse
from tmkd.errors import UserError
from tmkd.recipe.files import RECIPES, load, read, shipped
from tmkd.recipe.recipe import Recipe

TEACHER = {"model": "some/model"}
NEEDED = {"pairs": {"corpus.path": "pairs.tsv"}}  # what only the user can say


def check(**tree) -> Recipe:
    return parse(Recipe, {"name": "x", "teachers": {"one": TEACHER}, **tree}, "recipe x")


def fault(**tree) -> str:
    with pytest.raises(UserError) as caught:
        check(**tree)
    return str(caught.value)


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_recipe_is_valid_and_named_after_its_file(name: str) -> None:
    recipe = load(name, NEEDED.get(name, {}))
    assert recipe.name == name and recipe.teachers
    assert set(recipe.in_order()) == set(recipe.teachers)


def switches_told_in(recipe_file: Path) -> list[dict[str, str]]:
    """Return the runs of ``--key value`` switches in a recipe's comments."""
    told = " ".join(line.lstrip("# ") for line in recipe_file.read_text().splitlines() if line.startswith("#"))
    runs = re.findall(r"""(?:--[a-z]+\.[\w.]+ (?:"[^"]*"|[^\s)]+)\s*)+""", told)
    words = [shlex.split(run) for run in runs]
    return [dict(zip((key.lstrip("-") for key in some[::2]), some[1::2], strict=True)) for some in words]


TOLD = [(file.stem, switches) for file in sorted(RECIPES.glob("*.yaml")) for switches in switches_told_in(file)]


@pytest.mark.parametrize(("name", "switches"), TOLD, ids=lambda value: value if isinstance(value, str) else "switches")
def test_switches_that_a_recipe_s_comments_tell_of_are_taken(name: str, switches: dict[str, str]) -> None:
    load(name, NEEDED.get(name, {}) | switches)


def test_recipes_tell_of_switches() -> None:
    assert {name for name, _ in TOLD} >= {"mnli", "mrpc", "qnli", "rte", "snli"}


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_recipe_has_a_miniature(name: str) -> None:
    tree, _ = read(name)
    small = parse(Recipe, shrink(apply_overrides(tree, NEEDED.get(name, {}), Recipe), "/tiny/base"), name)
    assert small.student.base == "/tiny/base" and small.student.layers <= 2
    assert {teacher.model for teacher in small.teachers.values()} == {"/tiny/base"}
    assert all(teacher.train for teacher in small.teachers.values() if teacher.kind == "classifier")
    assert list(small.teachers) == list(tree["teachers"])


def test_the_recipe_for_the_user_s_own_pairs_asks_for_them() -> None:
    with pytest.raises(UserError, match=r"(?s)recipe pairs: .*corpus: .*needs either path .* or paths"):
        load("pairs", {})


def test_a_miniature_asks_no_trained_teacher_for_more_layers_than_the_tiny_base_has() -> None:
    teacher = {**TEACHER, "train": {"pooling": "mean", "layers": 6}}
    small = parse(Recipe, shrink({"name": "x", "teachers": {"one": teacher}}, "/tiny/base"), "x")
    assert small.teachers["one"].train.layers <= 2


@pytest.mark.parametrize(("key", "value"), [("layers", 3), ("freeze_embeddings", True), ("dropout", 0.0)])
def test_what_shapes_a_teacher_is_refused_where_its_own_head_is_kept(key: str, value: object) -> None:
    teacher = {**TEACHER, "train": {key: value}}
    assert f"{key}: only with pooling cls, mean or match, but pooling is head" in fault(teachers={"one": teacher})
    teacher["train"] = {key: value, "pooling": "match"}
    assert getattr(check(teachers={"one": teacher}).teachers["one"].train, key) == value


def test_the_paper_s_defaults() -> None:
    recipe = check()
    assert recipe.finetune.alpha == 0.9 and recipe.student.layers == 3 and recipe.student.pooling == "cls"
    assert recipe.run_name == "x" and check(run="second").run_name == "second"


def test_a_run_may_be_called_by_a_number() -> None:
    assert load("docs", {"run": "7"}).run_name == "7"


@pytest.mark.parametrize("name", ["golden", "baseline", "finetuned", "a b"])
def test_teachers_are_not_called_as_other_models_are(name: str) -> None:
    assert f"teachers: teacher name {name!r} must be letters" in fault(teachers={name: TEACHER})


@pytest.mark.parametrize("alpha", [1.5, -0.1, float("nan"), float("inf")])
def test_alpha_outside_0_to_1_is_refused(alpha: float) -> None:
    assert "finetune.alpha: Input should be" in fault(finetune={"alpha": alpha})


@pytest.mark.parametrize("alpha", [0, 1])
def test_alpha_may_be_either_end(alpha: int) -> None:
    assert check(finetune={"alpha": alpha}).finetune.alpha == alpha


@pytest.mark.parametrize("field", ["epochs", "learning_rate", "weight_decay"])
def test_an_infinite_schedule_is_refused(field: str) -> None:
    assert f"pretrain.{field}: Input should be a finite number" in fault(pretrain={field: float("inf")})


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"studnet": {}}, "studnet: unknown key (did you mean 'student'?)"),
        ({"student": {"layer": 3}}, "student.layer: unknown key (did you mean 'layers'?)"),
        ({"finetune": {"alhpa": 1}}, "finetune.alhpa: unknown key (did you mean 'alpha'?)"),
        ({"teachers": {"one": {**TEACHER, "modle": "x"}}}, "teachers.one.modle: unknown key (did you mean 'model'?)"),
        (
            {"teachers": {"one": {**TEACHER, "train": {"golden": {"epoch": 1}}}}},
            "teachers.one.train.golden.epoch: unknown key (did you mean 'epochs'?)",
        ),
        ({"teachers": {"train": {**TEACHER, "modle": "x"}}}, "teachers.train.modle: unknown key (did you mean 'model'"),
        (
            {"teachers": {"one": {**TEACHER, "resources": {"actors": {"mn": 1, "max": 2}}}}},
            "teachers.one.resources.actors.mn: unknown key (did you mean 'min'?)",
        ),
        (
            {"compare": {"grids": [{"regime": ["tmkd"]}]}},
            "compare.grids.0.regime: unknown key (did you mean 'regimes'?)",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_right_one(tree: dict, message: str) -> None:
    assert message in fault(**tree)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"teachers": {}}, "teachers: Dictionary should have at least 1 item"),
        ({"teachers": {"golden": TEACHER}}, "teacher name 'golden' must be"),
        ({"teachers": {"a/b": TEACHER}}, "teacher name 'a/b' must be"),
        ({"name": "../x"}, "name: '../x' must be letters"),
        ({"run": ".."}, "run: '..' must be letters"),
        ({"teachers": {"one": {}}}, "teachers.one.model: required, but missing"),
        ({"teachers": {"one": {**TEACHER, "kind": "clasifier"}}}, "did you mean 'classifier'"),
        (
            {"teachers": {"one": {**TEACHER, "kind": "bi_encoder", "train": {}}}},
            "only classifiers and span readers are trained here, but kind is bi_encoder",
        ),
        ({"teachers": {"one": {**TEACHER, "kind": "span_reader"}}}, "right would be classifier or bi_encoder"),
        ({"evaluation": {"also": {"a/b": {"path": "x"}}}}, "name 'a/b' must be letters"),
        ({"finetune": {"answer": 0.5}}, "finetune.answer is for spans, but corpus.task is pair"),
        (
            {
                "corpus": {"kind": "files", "task": "span", "path": "x.json"},
                "teachers": {"one": {**TEACHER, "kind": "span_reader", "weight": 2}},
            },
            "teachers.one.weight is for teachers of pairs so far: readers count alike",
        ),
        ({"student": {"soft_headers": "eech"}}, "student.soft_headers: 'eech' is none of each, mean, best, one"),
        ({"teachers": {"one": {**TEACHER, "weight": 0}}}, "teachers.*.weight: one weigh nothing; give one of them"),
        ({"teachers": {"mean": TEACHER}}, "teacher name 'mean' must be"),
        ({"student": {"layers": 0}}, "student.layers: Input should be greater than or equal to 1 (found 0)"),
        ({"student": {"pooling": "max"}}, "student.pooling: Input should be 'cls', 'mean' or 'match' (found 'max')"),
        ({"baseline": {"learning_rates": [3e-4, -1]}}, "baseline.learning_rates.1: Input should be greater than 0"),
        ({"baseline": {"warmup_ratios": [1.0]}}, "baseline.warmup_ratios.0: Input should be less than 1"),
        ({"training": {"zero_stage": 4}}, "training.zero_stage: Input should be 0, 1, 2 or 3 (found 4)"),
    ],
)
def test_a_value_that_cannot_be_is_refused(tree: dict, message: str) -> None:
    assert message in fault(**tree)


def warmed(*others: str, **teachers) -> dict:
    train = {"warm_up": {"teachers": list(others)}}
    return {"teachers": {"late": {**TEACHER, "train": train}, "early": TEACHER, **teachers}}


def test_a_warm_up_from_a_teacher_that_is_not_there_names_those_there_are() -> None:
    message = fault(**warmed("eraly"))
    assert "teachers.late.train.warm_up.teachers: no other teacher 'eraly' (did you mean 'early'?)" in message
    assert "there are early" in message


def test_a_teacher_cannot_warm_up_from_itself_or_from_one_that_has_a_warm_up() -> None:
    assert "no other teacher 'late'" in fault(**warmed("late"))
    chain = {**TEACHER, "train": {"warm_up": {"teachers": ["early"]}}}
    assert "'middle' has a warm_up itself" in fault(**warmed("middle", middle=chain))


def test_teachers_that_others_learn_from_come_first() -> None:
    assert check(**warmed("early", last=TEACHER)).in_order() == ["early", "last", "late"]


def test_a_misspelt_recipe_name_gets_the_nearest_one_and_the_list() -> None:
    with pytest.raises(UserError, match=r"recipe 'dcs' is not shipped \(did you mean 'docs'\?\); there are .*docs"):
        load("dcs", {})


def test_a_recipe_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match=r"recipe none\.yaml: no such file; shipped recipes: .*docs"):
        load("none.yaml", {})


def test_a_recipe_file_is_named_after_itself_unless_it_says_otherwise(tmp_path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"teachers": {"one": TEACHER}}))
    assert load(str(path), {}).name == "mine"
    assert load(str(path), {"name": "theirs"}).name == "theirs"


def test_faults_name_the_file_and_that_overrides_were_on_top(tmp_path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"teachers": {"one": TEACHER}}))
    with pytest.raises(UserError, match=r"recipe .*mine\.yaml with overrides: 1 fault"):
        load(str(path), {"student.layers": "many"})


def test_overrides_reach_any_field() -> None:
    overrides = {
        "student.layers": "1", "finetune.alpha": "0.7", "pretrain.learning_rate": "1e-3",
        "baseline.learning_rates": "[1e-4, 3e-4]", "teachers.summary.max_length": "64", "student.dropout": "null",
    }  # fmt: skip
    recipe = load("docs", overrides)
    assert recipe.student.layers == 1 and recipe.finetune.alpha == 0.7 and recipe.student.dropout is None
    assert recipe.pretrain.learning_rate == 1e-3 and recipe.baseline.learning_rates == [1e-4, 3e-4]
    assert recipe.teachers["summary"].max_length == 64 and recipe.teachers["summary"].kind == "bi_encoder"


def test_a_teacher_may_be_taken_out() -> None:
    assert list(load("docs", {"teachers.cross_encoder": "null"}).teachers) == ["name_and_summary", "summary"]
    with pytest.raises(UserError, match="did you mean 'cross_encoder'"):
        load("docs", {"teachers.cross_encodr": "null"})


def test_a_whole_recipe_survives_being_written_and_read_again() -> None:
    recipe = load("docs", {})
    tree = yaml.safe_load(yaml.safe_dump(recipe.model_dump(mode="json")))
    assert parse(Recipe, apply_overrides(tree, {}, Recipe), "again") == recipe


def test_an_objective_that_does_not_fit_is_refused_with_what_would() -> None:
    three = {"kind": "files", "path": "pairs.tsv", "classes": ["a", "b", "c"]}
    assert "pretrain.objective: ranknet compares candidates by the odds of two classes" in fault(
        corpus=three, pretrain={"objective": "ranknet"}
    )
    assert "finetune.temperature: only the objective kl has one, but it is mse" in fault(finetune={"temperature": 2})
    assert check(pretrain={"objective": "kl", "temperature": 2}).pretrain.temperature == 2
    assert check(finetune={"objective": "margin_mse"}).finetune.objective == "margin_mse"


@pytest.mark.parametrize(("teachers", "said"), [("[a]", "teachers: "), ("{a: }", r"teachers\.a: ")])
def test_teachers_that_are_no_mapping_are_named(tmp_path, teachers: str, said: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"teachers: {teachers}\n")
    with pytest.raises(UserError, match=said):
        load(str(path), {})


def unbounded(schema: dict, definitions: dict, path: str = "") -> set[str]:
    """Return the number fields below a JSON schema that have no upper bound."""
    schema = {**schema, **definitions.get(schema.get("$ref", "").split("/")[-1], {})}
    found = set()
    if schema.get("type") in ("integer", "number") and not {"maximum", "exclusiveMaximum"} & set(schema):
        found.add(path)
    children = [(f"{path}.{name}".lstrip("."), child) for name, child in schema.get("properties", {}).items()]
    children += [(path, child) for key in ("anyOf", "allOf", "prefixItems") for child in schema.get(key, [])]
    children += [(path, schema[key]) for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    return found.union(*(unbounded(child, definitions, below) for below, child in children))


CHECKED_BY_VALIDATORS = {
    *(f"corpus.columns.{role}" for role in ("question", "passage", "label", "grade", "question_id", "source_id")),
    "corpus.columns.answers", "corpus.columns.group", "corpus.mining.column", "corpus.docs.negatives.far",
    "corpus.docs.negatives.near", "teachers.batch_tokens", "teachers.resources.actors",
    "teachers.resources.gpus_per_actor", "training.cpus_per_worker", "training.gpus_per_worker", "training.zero_stage",
}  # fmt: skip


def test_every_number_has_an_upper_bound() -> None:
    schema = Recipe.model_json_schema()
    assert unbounded(schema, schema["$defs"]) <= CHECKED_BY_VALIDATORS


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("seed", "1e25", "seed: "),
        ("pretrain.epochs", "1e308", "pretrain.epochs: Input should be less than or equal to 1000000000"),
        ("pretrain.batch_size", "1" + "0" * 30, "pretrain.batch_size: Input should be less than or equal to 1000000"),
        ("search.layers", "three", "search.layers: Input should be a valid list (found 'three')"),
        ("teachers.summary.resources.actors", "1000000000", "at most 100,000, found 1e+09"),
        ("training.cpus_per_worker", "-1", "training.cpus_per_worker: -1 is not between 0 and 10,000"),
        ("corpus.docs.negatives.far", "[1, 1000000000000]", "is no window of ranks"),
        ("run", "x" * 3000, "is too long: at most 100 bytes"),
        ("run", "字" * 50, "is too long: at most 100 bytes"),
        ("corpus.name", "x" * 3000, "corpus.name: 'xxx"),
        ("student.base", "~nosuchuser/model", "the home folder of '~nosuchuser' is unknown"),
        ("corpus.path", "~nosuchuser/pairs.tsv", "the home folder of '~nosuchuser' is unknown"),
        ("teachers.summary.model", "a" * 300, "is too long for a path: names have at most 255 bytes"),
        (
            "corpus.path",
            "/".join(["folder"] * 500),
            "is too long for a path: names have at most 255 bytes, paths 3,000",
        ),
        ("corpus.columns.label", "-1", "-1 is no position of a column"),
        ("student.layers", "true", "student.layers: true is a boolean"),
    ],
)
def test_what_overflows_or_cannot_be_named_later_is_refused_now(key: str, text: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        load("docs", {key: text})
    assert len(str(caught.value)) < 1000


def test_a_regime_beside_a_group_that_is_none_leaves_the_fault_to_its_own_check() -> None:
    assert "finetune: " in fault(regime="golden", finetune="often")
    with pytest.raises(UserError, match="corpus: "):
        load("docs", {"corpus": "[]"})
