"""Which teachers look through one model."""

from tmkd.recipe.files import load
from tmkd.recipe.teacher import TeacherEntry
from tmkd.steps.teachers import views_of_one_model


def test_teachers_that_differ_in_their_view_alone_share_a_model() -> None:
    recipe = load("docs", {})
    groups = views_of_one_model(recipe.teachers, recipe.in_order())
    assert groups == [["name_and_summary", "summary"], ["cross_encoder"]]


def test_teachers_that_differ_in_anything_else_or_are_trained_stand_alone() -> None:
    teachers = {
        "a": TeacherEntry(model="m", max_length=64),
        "b": TeacherEntry(model="m", max_length=32),
        "c": TeacherEntry(model="n", max_length=64),
        "d": TeacherEntry(model="m", max_length=64, train={}),
        "e": TeacherEntry(model="m", max_length=64, train={}),
        "f": TeacherEntry(model="m", max_length=64, question_pattern="(.*)"),
    }
    assert views_of_one_model(teachers, list(teachers)) == [["a", "f"], ["b"], ["c"], ["d"], ["e"]]
