import pytest

from training.errors import RecipeError
from training.network.named_recipes import RECIPES, find_recipe
from training.network.recipe import Recipe

RECIPE = Recipe(train=("a.jsonl",), dev=("b.jsonl",))


def test_every_kind_of_value_can_be_changed() -> None:
    """Numbers, names, lists, and the network's own fields can be set."""
    changed = RECIPE.with_changes(
        [
            "num_epochs=3",
            "learning_rate=1e-4",
            "schedule=constant",
            "dev=x.jsonl, y.jsonl",
            "model.hidden_size=50",
            "repeats.a.jsonl=2",
        ]
    )
    assert (changed.num_epochs, changed.learning_rate, changed.schedule) == (3, 1e-4, "constant")
    assert changed.dev == ("x.jsonl", "y.jsonl")
    assert changed.model_config("E").hidden_size == 50
    assert changed.repeats == {"a.jsonl": 2}
    assert RECIPE.num_epochs != 3


def test_all_mistakes_are_listed_at_once() -> None:
    """Unknown names, missing values and wrong types are in one message."""
    with pytest.raises(RecipeError) as caught:
        RECIPE.with_changes(["epochs=3", "seed", "num_epochs=many", "learning_rate=0.1"])
    message = str(caught.value)
    assert "epochs: unknown setting" in message
    assert "'seed': expected name=value" in message
    assert "num_epochs=many: expected int" in message
    assert "learning_rate" not in message.splitlines()[-1]


@pytest.mark.parametrize(
    "change",
    [
        "num_epochs=0",
        "repeats.a=0",
        "repeats.a=1.5",
        "variation=2",
        "learning_rate=-1",
        "sentiment_share=2",
        "schedule=cosine",
        "clip_norm=nan",
        "dev=",
    ],
)
def test_impossible_values_are_refused(change: str) -> None:
    """Bounds are checked before anything is trained."""
    with pytest.raises(RecipeError, match=change.partition("=")[0]):
        RECIPE.with_changes([change])


def test_the_network_checks_its_own_fields() -> None:
    """A wrong model field is refused under the name that the user typed."""
    with pytest.raises(RecipeError, match=r"model\.hidden: unknown"):
        RECIPE.with_changes(["model.hidden=3"]).model_config("E")
    with pytest.raises(RecipeError, match="variant 'G'"):
        RECIPE.model_config("G")


def test_named_recipes_are_whole() -> None:
    """Each recipe has a network for every variant; an unknown name is refused with the known ones."""
    for recipe in RECIPES.values():
        assert recipe.model_config("E").use_syn_lstm
    config = find_recipe("paper").model_config("E")
    assert not config.use_crf
    assert (config.word_dropout, config.embedding_dropout) == (0, 0)
    assert (config.ner_dropout, config.sentiment_dropout) == (0.3, 0.4)
    with pytest.raises(RecipeError, match=", ".join(RECIPES)):
        find_recipe("papr")
