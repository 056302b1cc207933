import sys
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
import torch

from tests.training.program import refused, run
from training.corpora.corpus import read_corpus
from training.corpora.labelled_text import CharSpan, LabelledText
from training.corpora.sentiment_labels import Classifier, identify, label_rows, load_classifier
from training.errors import ClassifierError

TEXTS = ("what a lovely day", "it rains", "love this show so much indeed", "no")
ROWS = [
    LabelledText(
        text="Ada sings", borders=((0, 3), (4, 9)), entities=(CharSpan(0, 3, "PER"),), fields={"id": 7}
    ),
    LabelledText(text="it rains", sentiment="negative"),
    LabelledText(text="no entity here", borders=((0, 2),), entities=()),
]


@pytest.fixture(scope="module")
def classifier_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of a few thousand random weights with siebert's label names, as a local folder."""
    transformers = pytest.importorskip(
        "transformers", reason="transformers is not installed (the extra `labels`)"
    )
    tokenizers = pytest.importorskip("tokenizers")
    words = ["[PAD]", "[UNK]", *sorted({word for text in TEXTS for word in text.split()})]
    model = tokenizers.models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    folder = tmp_path_factory.mktemp("tiny-classifier")
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=16
    ).save_pretrained(folder)
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        initializer_range=1.0,
        id2label={0: "NEGATIVE", 1: "POSITIVE"},
        label2id={"NEGATIVE": 0, "POSITIVE": 1},
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_a_local_model_labels_texts(classifier_folder: Path) -> None:
    """A text gets the label and the probability that the model gives it alone, padding or not, however long."""
    classify = load_classifier(str(classifier_folder))
    together = classify([*TEXTS, "rains " * 100])
    assert {label for label, _ in together} <= {"negative", "positive"}
    assert {label for label, _ in together} == {"negative", "positive"}, "the random model should use both"
    for text, (label, score) in zip(TEXTS, together, strict=False):
        [(alone, score_alone)] = classify([text])
        assert alone == label
        assert score_alone == pytest.approx(score, abs=1e-5)


def test_labels_without_a_meaning_are_refused_or_explained(classifier_folder: Path, tmp_path: Path) -> None:
    """LABEL_0 and LABEL_1 need --labels with one sentiment for each output."""
    for file in classifier_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = orjson.loads((tmp_path / "config.json").read_bytes())
    config["id2label"] = {"0": "LABEL_0", "1": "LABEL_1"}
    config.pop("label2id", None)
    (tmp_path / "config.json").write_bytes(orjson.dumps(config))
    with pytest.raises(ClassifierError, match="give their meanings"):
        load_classifier(str(tmp_path))
    with pytest.raises(ClassifierError, match="has 2 labels"):
        load_classifier(str(tmp_path), ["negative", "neutral", "positive"])
    named = load_classifier(str(tmp_path), ["positive", "negative"])(TEXTS)
    turned = {"negative": "positive", "positive": "negative"}
    assert [turned[label] for label, _ in named] == [
        label for label, _ in load_classifier(str(classifier_folder))(TEXTS)
    ]


def test_the_command_writes_a_corpus_that_can_be_read(classifier_folder: Path, tmp_path: Path) -> None:
    """Every sentence has a sentiment afterwards, its entities are kept, and the label's origin is named."""
    columns, output = tmp_path / "a.conll", tmp_path / "felt.jsonl"
    columns.write_text("Ada B-PER\nsings O\n\nit O\nrains O\n")
    run("label-sentiment", columns, "--output", output, "--model", classifier_folder)
    rows = read_corpus(output)
    assert [row.text for row in rows] == ["Ada sings", "it rains"]
    assert rows[0].entities == (CharSpan(0, 3, "PER"),)
    assert all(row.sentiment in ("negative", "positive") for row in rows)
    assert rows[0].fields["sentiment_source"] == classifier_folder.name


def _label(classify: Classifier, output: Path, *, batch_size: int) -> None:
    label_rows(
        ROWS,
        classify,
        output,
        model="fake",
        identity="fake",
        batch_size=batch_size,
        on_batch=lambda done, total: None,
    )


def test_existing_labels_are_kept_and_only_the_others_are_asked_for(tmp_path: Path) -> None:
    """The classifier never sees a text that people have labelled."""
    asked: list[str] = []

    def classify(texts: Sequence[str]) -> list[tuple[str, float]]:
        asked.extend(texts)
        return [("positive", 0.9)] * len(texts)

    output = tmp_path / "felt.jsonl"
    _label(classify, output, batch_size=2)
    assert asked == ["Ada sings", "no entity here"]
    lines = [orjson.loads(line) for line in output.read_bytes().splitlines()]
    assert [line.get("sentiment", line.get("label")) for line in lines] == [
        "positive",
        "negative",
        "positive",
    ]
    assert lines[0]["id"] == 7
    assert "sentiment_source" not in lines[1]


def test_a_killed_labelling_continues(tmp_path: Path) -> None:
    """Texts that are already written are not asked for again, and half a line is not written twice."""
    asked: list[str] = []

    def dies(texts: Sequence[str]) -> list[tuple[str, float]]:
        if asked:
            raise KeyboardInterrupt
        asked.extend(texts)
        return [("positive", 0.9)] * len(texts)

    output = tmp_path / "felt.jsonl"
    with pytest.raises(KeyboardInterrupt):
        _label(dies, output, batch_size=1)
    assert not output.exists()
    [part] = tmp_path.iterdir()
    part.write_bytes(part.read_bytes() + b'{"half')
    again: list[str] = []

    def classify(texts: Sequence[str]) -> list[tuple[str, float]]:
        again.extend(texts)
        return [("negative", 0.8)] * len(texts)

    _label(classify, output, batch_size=1)
    assert again == ["no entity here"]
    sentiments = [row.sentiment for row in read_corpus(output)]
    assert sentiments == ["positive", "negative", "negative"]


def test_a_classifier_that_cannot_be_loaded_ends_with_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program gives advice for a folder without a model, and for a machine without transformers."""
    (tmp_path / "a.conll").write_text("Ada B-PER\n")
    command = ("label-sentiment", tmp_path / "a.conll", "--output", tmp_path / "o.jsonl", "--model", tmp_path)
    pytest.importorskip("transformers", reason="transformers is not installed (the extra `labels`)")
    assert "cannot be loaded as a classifier" in refused(capsys, *command)
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert "pip install 'tocsin[labels]'" in refused(capsys, *command)


def test_a_classifier_differs_from_another_of_its_name(tmp_path: Path) -> None:
    """It is identified by the meaning of its outputs, and by the files of its folder."""
    for place in ("one", "two"):
        (tmp_path / place / "model").mkdir(parents=True)
        (tmp_path / place / "model" / "weights").write_text(place)
    one, two = (str(tmp_path / place / "model") for place in ("one", "two"))
    identities = {identify(one), identify(two), identify(one, ["negative", "positive"])}
    assert len(identities) == 3
    (tmp_path / "one" / "model" / "weights").write_text("two")
    assert identify(one) not in identities
