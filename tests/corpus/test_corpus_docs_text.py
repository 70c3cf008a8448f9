from __future__ import annotations

import pytest

from tmkd.corpus.docs.text import MAX_PASSAGE_WORDS, Texts, humanise, question_and_passage, split_docstring

BODY = "It looks at every element of the given array once and returns the sum of those that pass the check."


@pytest.mark.parametrize(
    ("symbol", "words"),
    [
        ("QuantileTransformer.fit_transform", "quantile transformer fit transform"),
        ("HTTPServer._serve", "http server serve"),
        ("load_csv2", "load csv2"),
    ],
)
def test_symbols_become_words(symbol, words):
    assert humanise(symbol) == words


@pytest.mark.parametrize(
    "tail",
    [
        ">>> secret()", "Examples\n--------\nsecret", "Example:\n    secret", "See Also\n--------\nsecret : it",
        "References\n----------\n.. [1] secret", "Notes\n-----\nsecret", ".. note:: secret", "```python\nsecret\n```",
        ".. code-block:: python\n\n    secret()", "As follows::\n\n    secret()", "Note: secret", "## Usage\nsecret",
    ],
)  # fmt: skip
def test_the_body_ends_where_examples_notes_or_code_begin(tail):
    _, body = split_docstring(f"Sum it up.\n\n{BODY}\n\n{tail}\n\nMore secret text.")
    assert body.startswith(BODY)
    assert "secret" not in body


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        (":class:`~a.b.Thing` and :func:`run <a.run>`", "Thing and run"),
        ("``x`` or `y`_, **bold** *it*", "x or y, bold it"),
        ("[text](http://a.b/c) at https://x.y/z .", "text at."),
        ("Returns the [`BertModel`] of it", "Returns the BertModel of it"),
        (":param name: its name\n:type name: str\n:returns: a thing", "name: its name returns: a thing"),
        (".. versionadded:: 1.2\n- one\n- two", "one two"),
        ("Parameters\n----------\nx : int", "Parameters x: int"),
    ],
)
def test_markup_is_stripped(marked, plain):
    assert split_docstring(f"Summary.\n\n{marked}")[1] == plain


def test_question_is_the_name_and_the_summary():
    texts = question_and_passage("Table.select_rows", f"Keep the matching rows.\n\n{BODY}")
    assert texts == Texts("table select rows: Keep the matching rows.", BODY)


def test_passage_is_cut_at_its_length():
    texts = question_and_passage("Table.select_rows", "Keep the matching rows.\n\n" + "word " * 200)
    assert isinstance(texts, Texts)
    assert len(texts.passage.split()) == MAX_PASSAGE_WORDS


@pytest.mark.parametrize(
    ("docstring", "reason"),
    [
        (f"Do it.\n\n{BODY}", "content words"),
        (f"{'very long summary indeed ' * 10}\n\n{BODY}", "more than 30 words"),
        ("Keep the matching rows only.\n\nToo short a body.", "fewer than 15 words"),
    ],
)
def test_useless_docstrings_have_a_reason(docstring, reason):
    found = question_and_passage("do", docstring)
    assert isinstance(found, str)
    assert reason in found


def test_without_summary_or_body_there_is_nothing():
    assert question_and_passage("do", "Only a summary.") is None
