"""Text whose script sets no blanks between words is mined and compared; all other text is cut as ever."""

from __future__ import annotations

from pathlib import Path

import bm25s
import pytest
from corpus_helpers import read, write_tsv
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tmkd.corpus.dedupe import NearDuplicates
from tmkd.corpus.ranking import Ranker
from tmkd.corpus.words import needs_cutting, separated, words_of
from tmkd.errors import UserError

SPACED = [
    "The reader's 2nd Café, naïve co-op_1!",
    "Ünïcode ТЕКСТ на русском",
    "한국어 문장은 띄어 씁니다",
    "e\u0301tude a I",
]
CHINESE = ["北京大学的图书馆几点开门", "图书馆早上八点开门", "食堂的菜很好吃", "操场在东门旁边"]
MINED = {"split": {"validation": 0, "test": 0}, "mining": {"enabled": True, "top": 3}}


@pytest.mark.parametrize("text", SPACED)
def test_text_with_blanks_is_cut_as_by_the_library(text):
    assert not needs_cutting([text])
    assert words_of(text) == bm25s.tokenize(text, return_ids=False, show_progress=False)[0]
    assert separated(text) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("北京大学 the iPhone手机", ["北京", "京大", "大学", "iphone", "手机"]),
        ("猫 and 犬", ["猫", "犬"]),
        ("スーパー。ｶﾀ", ["スー", "ーパ", "パー", "カタ"]),
        ("ที่ไหน", ["ที่ไ", "ไห", "หน"]),
        ("हिन्दी में लिखा", ["हिन्दी", "में", "लिखा"]),
    ],
)
def test_text_without_blanks_is_cut_into_pairs_and_marks_stay_with_their_letters(text, words):
    assert words_of(text) == words


def test_a_ranking_of_spaced_text_does_not_depend_on_what_cuts_it():
    passages = ["a red apple", "a green apple and a red pear", "blue sky", "red red red apple", "the of and"]
    for question in ("red apple", "the blue pear", "nothing"):
        plain, cut = Ranker(passages), Ranker(passages, words_of)
        assert plain.scores(question).tobytes() == cut.scores(question).tobytes()


def mined(workspace, tmp_path: Path, questions: list[str], passages: list[str], **mining):
    lines = [f"{question}\t{passage}" for question, passage in zip(questions, passages, strict=True)]
    path = write_tsv(tmp_path / "pairs.tsv", ["question\tpassage", *lines])
    tree = {**MINED, "mining": {**MINED["mining"], **mining}}
    _, found = read(workspace, path, {"label": None}, **tree)
    return [(question, passage) for question, passage, _ in found[len(lines) :]]


def test_chinese_questions_find_other_passages(workspace, tmp_path, capsys):
    found = mined(workspace, tmp_path, ["图书馆开门吗", "早饭在哪里", "东门呢", "大学"], CHINESE)
    assert ("图书馆开门吗", CHINESE[1]) in found and ("大学", CHINESE[0]) in found
    assert (
        "unlabeled: BM25 found no passage for 1 of 4 questions (0 hold no word to look up, 1 share no word with any"
        in (capsys.readouterr().err)
    )


def test_a_tokenizer_cuts_words(workspace, tmp_path):
    vocabulary = {"[UNK]": 0, "apple": 1, "##tree": 2, "apples": 3, "##s": 4, "a": 5, "the": 6}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]").save_pretrained(tmp_path / "cut")
    pairs = (["appletree", "the apples"], ["a", "apple"])
    assert mined(workspace, tmp_path, *pairs) == []
    assert mined(workspace, tmp_path, *pairs, tokenizer=str(tmp_path / "cut")) == [("appletree", "apple")]
    with pytest.raises(UserError, match=r"corpus\.mining\.tokenizer: '.*none' is neither a folder"):
        mined(workspace, tmp_path, *pairs, tokenizer=str(tmp_path / "none"))


def test_chinese_near_duplicates():
    text = "".join(chr(0x4E00 + 7 * place) for place in range(120))
    changed = text[:60] + "的" + text[61:]
    assert NearDuplicates(0.7).repeats(text) is False
    for separate, expected in ((None, False), (separated, True)):
        near = NearDuplicates(0.7, separate)
        assert not near.repeats(text)
        assert near.repeats(changed) is expected
        assert not near.repeats(text[::-1])
