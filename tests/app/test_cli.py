"""What every job does with its switches. No step is reached here: a mistake must be told before anything is spent."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tmkd.app.cli import main, overrides_from
from tmkd.app.endings import INTERRUPTED, USER_MISTAKE
from tmkd.app.help import parser
from tmkd.errors import UserError
from tmkd.fields import describe
from tmkd.recipe.files import shipped
from tmkd.recipe.recipe import Recipe


def run(*argv: str) -> int:
    def step(context: Any) -> dict[str, Any]:
        raise AssertionError("a step was started")

    return main("tmkd_pretrain", "Stage 1.", step, None, argv)


def leaves(schema: dict[str, Any], definitions: dict[str, Any], path: str = "") -> set[str]:
    """Return every field below a JSON schema as a dotted path, with NAME for the entries of a mapping."""
    found: set[str] = set()
    for option in [schema, *schema.get("anyOf", []), *schema.get("allOf", [])]:
        if "$ref" in option:
            found |= leaves(definitions[option["$ref"].split("/")[-1]], definitions, path)
        if isinstance(option.get("additionalProperties"), dict):
            found |= leaves(option["additionalProperties"], definitions, f"{path}.NAME")
        if "$ref" in option.get("items", {}):
            found |= leaves(option["items"], definitions, f"{path}[]")
        for name, child in option.get("properties", {}).items():
            below = f"{path}.{name}".lstrip(".")
            found |= leaves(child, definitions, below) or {below}
    return found


def test_help_lists_every_recipe_field_with_type_default_and_meaning(capsys) -> None:
    schema = Recipe.model_json_schema()
    fields = leaves(schema, schema["$defs"])
    assert len(fields) > 80 and "teachers.NAME.train.warm_up.learning_rate" in fields
    assert run("--help") == 0
    page = capsys.readouterr().out
    heads = [line for line in page.splitlines() if re.match(r"  (--|[\w.]+\[\]\.\w+  )", line)]
    shown = {line.split()[0].removeprefix("--") for line in heads}
    assert fields <= shown
    assert "  --student.layers  <int>  [3]\n        encoders: bottom layers kept of the base\n" in page
    assert "  --finetune.alpha  <float>  [0.9]\n" in page


def test_no_field_is_without_a_meaning() -> None:
    assert [field.path for field in describe(Recipe) if not field.meaning] == []


def test_help_names_the_shipped_recipes_and_every_switch(capsys) -> None:
    run("--help")
    page = capsys.readouterr().out
    for word in (*shipped(), "--workspace", "--fixture", "--json", "--verbose", "--remake", "--relabel"):
        assert word in page


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--finetune.alpha", "1.5"], "finetune.alpha: Input should be less than or equal to 1 (found 1.5)"),
        (["--student.layers"], "--student.layers: needs a value"),
        (["--student.layers", "--json"], "--student.layers: needs a value"),
        (["--student.layer", "3"], "student.layer: unknown key (did you mean 'layers'?)"),
        (["--studnt.layers", "3"], "--studnt.layers: no such switch (did you mean 'student'?)"),
        (["--worspace", "x"], "--worspace: no such switch (did you mean 'workspace'?)"),
        (["--fixtur"], "--fixtur: no such switch (did you mean 'fixture'?)"),
        (["docs"], "'docs': expected a switch such as --student.layers 3"),
        (["--recipe", "dosc"], "recipe 'dosc' is not shipped (did you mean 'docs'?)"),
        (["--name.first", "x"], "--name.first: 'name' is a value ('docs'), not a group of keys"),
    ],
)
def test_a_mistake_is_one_message_without_a_stack_trace_and_status_2(capsys, argv: list[str], message: str) -> None:
    assert run(*argv) == USER_MISTAKE
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" not in err
    assert err.startswith("error: ") and message in " ".join(err.split())


def test_a_mistyped_switch_of_the_job_s_own_is_known() -> None:
    with pytest.raises(UserError, match=r"--trails: no such switch \(did you mean 'trials'\?\)"):
        overrides_from(["--trails", "3"], own=["trials", "under-ms"])


def test_a_workspace_that_cannot_be_written_is_a_user_s_mistake(tmp_path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert run("--workspace", str(tmp_path / "file" / "ws")) == USER_MISTAKE
    assert "cannot be written" in capsys.readouterr().err


def test_the_recipe_is_checked_before_the_workspace_is_touched(tmp_path) -> None:
    assert run("--workspace", str(tmp_path / "ws"), "--student.layers", "0") == USER_MISTAKE
    assert not (tmp_path / "ws").exists()


def test_models_are_looked_for_before_the_step(tmp_path, capsys) -> None:
    missing = str(tmp_path / "no-model")
    status = run("--workspace", str(tmp_path / "ws"), "--student.base", missing, "--teachers.summary.model", missing)
    err = " ".join(capsys.readouterr().err.split())
    assert status == USER_MISTAKE
    assert f"student.base: {missing!r} is no folder here" in err
    assert f"teachers.summary.model: {missing!r} is no folder here" in err


def test_ctrl_c_says_that_the_same_command_goes_on(monkeypatch, tmp_path, capsys) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tmkd.app.cli._run", interrupted)
    assert run() == INTERRUPTED
    assert "the same command goes on from here" in capsys.readouterr().err


def test_overrides_with_and_without_an_equals_sign_are_the_same() -> None:
    expected = {"student.layers": "1", "corpus.path": "a=b.tsv"}
    assert overrides_from(["--student.layers", "1", "--corpus.path", "a=b.tsv"]) == expected
    assert overrides_from(["--student.layers=1", "--corpus.path=a=b.tsv"]) == expected


def test_values_may_be_negative_empty_or_hold_spaces() -> None:
    words = ["--seed", "-1", "--student.base", "my models/x", "--corpus.path="]
    assert overrides_from(words) == {"seed": "-1", "student.base": "my models/x", "corpus.path": ""}


def test_of_two_overrides_of_a_field_the_last_one_counts() -> None:
    assert overrides_from(["--seed", "1", "--seed=2"]) == {"seed": "2"}


def test_switches_and_overrides_may_stand_in_any_order() -> None:
    made = parser("job", "what", {"relabel": "again"})
    words = "--student.layers 1 --json --seed -1 --recipe pairs --finetune.alpha=0.5 --relabel --corpus.path x.tsv"
    switches, rest = made.parse_known_args(words.split())
    assert switches.json and switches.relabel and switches.recipe == "pairs" and switches.workspace == "workspace"
    assert overrides_from(rest) == {
        "student.layers": "1", "seed": "-1", "finetune.alpha": "0.5", "corpus.path": "x.tsv",
    }  # fmt: skip


def test_switches_are_not_abbreviated() -> None:
    with pytest.raises(UserError, match="--work: no such switch"):
        overrides_from(parser("job", "what", {}).parse_known_args(["--work", "x"])[1])
