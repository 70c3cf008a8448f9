"""A folder of sentence-transformers gives the similarities that the library gives with its own modules."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from test_scores import score

from tiny_teachers import bert_base, bpe_tokenizer, sentence
from tmkd.errors import UserError
from tmkd.runtimes.host import Host
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kind_class import teacher_class
from tmkd.text.tokens import tokenize

library = pytest.importorskip("sentence_transformers")
WIDTH = 32
OLD = "sentence_transformers.models"
MODES = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return bert_base(tmp_path_factory.mktemp("base") / "m")


@pytest.fixture(scope="module")
def texts() -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(3)
    return [sentence(rng, 1, 8).title() for _ in range(20)], [sentence(rng, 1, 40) for _ in range(20)]


def folder_of(base: Path, place: Path, pooling: dict, *modules: torch.nn.Module, **settings) -> Path:
    """Copy a base into a folder with a pooling and modules after it, which the library saves itself."""
    place.mkdir(exist_ok=True)
    for path in base.iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    types = [f"{OLD}.Transformer", f"{OLD}.Pooling", *(f"{OLD}.{type(module).__name__}" for module in modules)]
    paths = ["", "1_Pooling", *(f"{index}_{type(module).__name__}" for index, module in enumerate(modules, 2))]
    entries = [
        {"idx": i, "name": str(i), "path": p, "type": t} for i, (p, t) in enumerate(zip(paths, types, strict=True))
    ]
    write(place / "modules.json", entries)
    write(place / "1_Pooling" / "config.json", {"word_embedding_dimension": WIDTH, **pooling})
    for path, module in zip(paths[2:], modules, strict=True):
        (place / path).mkdir()
        module.save(str(place / path))
    if settings:
        write(place / "config_sentence_transformers.json", settings)
    return place


def write(path: Path, value: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value))


def own(folder: Path, texts, max_length: int = 64) -> np.ndarray:
    """Return what the library says of pairs of texts."""
    model = library.SentenceTransformer(str(folder), device="cpu")
    model.max_seq_length = min(max_length, model.max_seq_length or max_length)
    questions, passages = model.encode_query(texts[0]), model.encode_document(texts[1])
    return model.similarity_pairwise(questions, passages).numpy()


def ours(folder: Path, texts, **options) -> np.ndarray:
    """Return what the teacher says of them, the way labelling asks it."""
    config = TeacherConfig(kind="bi_encoder", model=str(folder), batch_tokens=400, max_length=64, **options)
    tokenizer = load_tokenizer(folder)
    teacher = teacher_class("bi_encoder").load(config, folder, Host("cpu", "fp32"))
    views = teacher.card.question_view(config), teacher.card.reads[1]
    columns = [
        tokenize(tokenizer, [view.of(text) for text in column]) for view, column in zip(views, texts, strict=True)
    ]
    return teacher.score(*columns).values[:, 0]


def check(folder: Path, texts, atol: float = 2e-5, **options) -> None:
    expected = own(folder, texts)
    assert np.std(expected) > 0.003
    np.testing.assert_allclose(ours(folder, texts, **options), expected, atol=atol, rtol=1e-5)


@pytest.mark.parametrize("mode", [*MODES, ["cls", "max"], ["mean"]])
def test_every_pooling_in_the_compact_form(mode, base, tmp_path, texts) -> None:
    check(folder_of(base, tmp_path / "m", {"pooling_mode": mode, "include_prompt": True}), texts)


@pytest.mark.parametrize("keys", [["cls_token"], ["mean_tokens", "max_tokens"], ["lasttoken"], []])
def test_every_pooling_in_the_old_form(keys, base, tmp_path, texts) -> None:
    modes = {f"pooling_mode_{key}": True for key in keys} | {"pooling_mode_mean_sqrt_len_tokens": False}
    check(folder_of(base, tmp_path / "m", modes), texts)


@pytest.mark.parametrize("kind", ["dense", "residual", "norm", "all"])
def test_modules_after_the_pooling(kind, base, tmp_path, texts) -> None:
    from sentence_transformers import models

    torch.manual_seed(1)
    made = {
        "dense": [models.Dense(WIDTH, 16)],
        "residual": [models.Dense(WIDTH, 16, activation_function=torch.nn.GELU(), use_residual=True)],
        "norm": [models.LayerNorm(WIDTH)],
        "all": [models.Normalize(), models.Dense(WIDTH, 8, bias=False), models.Dropout(0.5), models.Normalize()],
    }[kind]
    for parameter in (value for module in made for value in module.parameters()):
        torch.nn.init.normal_(parameter)
    folder = folder_of(base, tmp_path / "m", {"pooling_mode": "mean"}, *made)
    check(folder, texts)
    plain = folder_of(base, tmp_path / "plain", {"pooling_mode": "mean"})
    assert np.abs(ours(folder, texts) - ours(plain, texts)).max() > 1e-3


@pytest.mark.parametrize("name", ["dot", "euclidean", "manhattan", None])
def test_the_similarity_that_the_folder_names(name, base, tmp_path, texts) -> None:
    folder = folder_of(base, tmp_path / "m", {"pooling_mode": "mean"}, similarity_fn_name=name)
    check(folder, texts, atol=1e-4)


def test_truncated_dimensions(base, tmp_path, texts) -> None:
    folder = folder_of(base, tmp_path / "m", {"pooling_mode": "mean"}, truncate_dim=8)
    check(folder, texts)


@pytest.mark.parametrize(
    "settings",
    [
        {"prompts": {"query": "search the index: ", "document": "passage: "}},
        {"prompts": {"query": "question: "}},
    ],
)
def test_prompts(settings, base, tmp_path, texts) -> None:
    folder = folder_of(base, tmp_path / "m", {"pooling_mode": "mean"}, **settings)
    check(folder, texts)


def test_the_prompts_that_a_folder_has_are_read_before_the_default_one(base, tmp_path, texts) -> None:
    prompts = {"prompts": {"passage": "read: ", "other": "sort "}, "default_prompt_name": "other"}
    folder = folder_of(base, tmp_path / "m", {"pooling_mode": "mean"}, **prompts)
    model = library.SentenceTransformer(str(folder), device="cpu")
    questions, passages = model.encode(texts[0]), model.encode(texts[1], prompt_name="passage")
    expected = model.similarity_pairwise(questions, passages).numpy()
    np.testing.assert_allclose(ours(folder, texts), expected, atol=2e-5)


def test_lower_case_and_fewer_tokens(tmp_path, texts) -> None:
    from transformers import RobertaConfig, RobertaModel

    torch.manual_seed(0)
    model = RobertaModel(
        RobertaConfig(
            vocab_size=400, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
            max_position_embeddings=130, type_vocab_size=1, bos_token_id=0, pad_token_id=1, eos_token_id=2,
        )
    )  # fmt: skip
    place = tmp_path / "cased"
    model.save_pretrained(place)
    bpe_tokenizer(roberta=True).save_pretrained(place)
    folder = folder_of(place, tmp_path / "m", {"pooling_mode": "mean"})
    write(folder / "sentence_bert_config.json", {"max_seq_length": 12, "do_lower_case": True})
    check(folder, texts)
    card = teacher_class("bi_encoder").describe(
        TeacherConfig(kind="bi_encoder", model=str(folder)), folder, load_tokenizer(folder)
    )
    assert card.facts["reads"] == 12 and card.facts["lower"] and "12 tokens" in card.remarks[0]


def test_a_limit_that_the_library_has_saved_in_the_tokenizer_is_heeded(base, texts, tmp_path) -> None:
    model = library.SentenceTransformer(str(folder_of(base, tmp_path / "m", {"pooling_mode": "mean"})), device="cpu")
    model.max_seq_length = 6
    model.save_pretrained(str(tmp_path / "saved"))
    check(tmp_path / "saved", texts)
    config = TeacherConfig(kind="bi_encoder", model=str(tmp_path / "saved"))
    card = teacher_class("bi_encoder").describe(config, tmp_path / "saved", load_tokenizer(tmp_path / "saved"))
    assert card.facts["reads"] == 6 and "6 tokens" in card.remarks[0]


def test_usual_folders_have_the_identity_that_they_had(base, tmp_path) -> None:
    from sentence_transformers import models

    settings = {"prompts": {"query": "", "document": ""}, "default_prompt_name": None, "similarity_fn_name": "cosine"}
    folder = folder_of(base, tmp_path / "m", {"pooling_mode_mean_tokens": True}, models.Normalize(), **settings)
    write(folder / "sentence_bert_config.json", {"max_seq_length": 256, "do_lower_case": True})
    config = TeacherConfig(kind="bi_encoder", model=str(folder))
    card = teacher_class("bi_encoder").describe(config, folder, load_tokenizer(folder))
    assert set(card.facts) == {"weights", "vocabulary", "pooling"} and card.facts["pooling"] == "mean"
    assert not card.remarks and card.question_view(config).key() is None


def test_weights_of_modules_are_part_of_the_identity(base, tmp_path) -> None:
    from sentence_transformers import models

    torch.manual_seed(1)
    folders = [folder_of(base, tmp_path / str(n), {"pooling_mode": "mean"}, models.Dense(WIDTH, 8)) for n in range(2)]
    cards = [
        teacher_class("bi_encoder").describe(
            TeacherConfig(kind="bi_encoder", model=str(folder)), folder, load_tokenizer(folder)
        )
        for folder in folders
    ]
    assert cards[0].facts["weights"] == cards[1].facts["weights"] and cards[0].facts != cards[1].facts


def test_a_plain_folder_is_told_that_its_pooling_is_assumed(base) -> None:
    config = TeacherConfig(kind="bi_encoder", model=str(base))
    tokenizer = load_tokenizer(base)
    assert "their mean is taken" in teacher_class("bi_encoder").describe(config, base, tokenizer).remarks[0]
    chosen = config.model_copy(update={"pooling": "mean"})
    assert not teacher_class("bi_encoder").describe(chosen, base, tokenizer).remarks


@pytest.mark.parametrize("onnx", ["torch", "onnx"])
def test_runtimes_agree_on_modules(onnx, base, tmp_path, texts, monkeypatch) -> None:
    from sentence_transformers import models

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    torch.manual_seed(1)
    folder = folder_of(base, tmp_path / "m", {"pooling_mode": ["cls", "mean"]}, models.Dense(2 * WIDTH, 16))
    found = score(folder, texts, runtime=onnx, kind="bi_encoder")[:, 0]
    np.testing.assert_allclose(found, own(folder, texts), atol=2e-5)


BAD = {
    "own class": ({"type": "modeling.MyPooling", "path": "2_My"}, r"module modeling\.MyPooling is not supported"),
    "weighted layers": ({"type": f"{OLD}.WeightedLayerPooling", "path": "2_W"}, "WeightedLayerPooling is not supp"),
    "outside": ({"type": f"{OLD}.Dense", "path": "../2_Dense"}, "leads out of the folder"),
    "no weights": ({"type": f"{OLD}.LayerNorm", "path": "2_LayerNorm"}, "dimension is needed"),
    "no type": ({"path": "2_Dense"}, "type is null"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_what_is_not_offered_is_refused_by_name(name, base, tmp_path) -> None:
    entry, message = BAD[name]
    folder = folder_of(base, tmp_path / "m", {"pooling_mode": "mean"})
    write(folder / "modules.json", [*json.loads((folder / "modules.json").read_text()), entry])
    with pytest.raises(UserError, match=message):
        ours(folder, (["a"], ["b"]))


@pytest.mark.parametrize(
    ("pooling", "settings", "message"),
    [
        ({"pooling_mode": "attention"}, {}, r"pooling_mode attention is not supported: cls, max"),
        ({"pooling_mode": []}, {}, "is not supported"),
        ({"pooling_mode_cls_token": "yes"}, {}, r"pooling_mode_cls_token is text \('yes'\)"),
        ({"pooling_mode": "mean", "include_prompt": False}, {"prompts": {"query": "q: "}}, "include_prompt false"),
        ({"pooling_mode": "mean"}, {"similarity_fn_name": "maxsim"}, "'maxsim' is not supported: cosine"),
        ({"pooling_mode": "mean"}, {"default_prompt_name": "s", "prompts": {"q": ""}}, "'s' is none of its prompts"),
        ({"pooling_mode": "mean"}, {"prompts": ["query: "]}, "prompts is a list"),
        ({"pooling_mode": "mean"}, {"truncate_dim": -1}, "truncate_dim is a number"),
    ],
)
def test_settings_that_are_not_offered_are_refused_by_name(pooling, settings, message, base, tmp_path) -> None:
    folder = folder_of(base, tmp_path / "m", pooling, **settings)
    with pytest.raises(UserError, match=message):
        ours(folder, (["a"], ["b"]))


def test_the_encoder_of_t5(base, tmp_path, texts) -> None:
    from test_padding import T5, tokenizer_of
    from transformers import T5Config, T5EncoderModel

    tokenizer = tokenizer_of("end", False, False)
    torch.manual_seed(0)
    place = tmp_path / "t5"
    T5EncoderModel(T5Config(vocab_size=len(tokenizer), **T5)).save_pretrained(place)
    tokenizer.save_pretrained(place)
    check(folder_of(place, tmp_path / "m", {"pooling_mode": "mean"}), texts)
