from pathlib import Path

from training.ablation.rows import find_rows
from training.ablation.run_result import read_results
from training.ablation.runner import AblationRunner
from training.command_line import ROOT
from training.named_recipes import ABLATION_TEST, find_recipe
from training.recipe import Recipe

RESULTS = ROOT / "training" / "ablation" / "results"


def runner(recipe: Recipe) -> AblationRunner:
    return AblationRunner(recipe, Path(), ABLATION_TEST, name="ablation")


def test_the_results_in_the_repository_are_still_found() -> None:
    """`make ablation` goes on from them, whatever settings have been added since: none would be trained again."""
    ablation = runner(find_recipe("ablation"))
    results = read_results(RESULTS)
    assert len(results) >= 30
    for result in results:
        [row] = find_rows([result.row])
        assert ablation.settings(row) == result.settings, result.name


def test_other_settings_have_another_hash() -> None:
    """A value that is not the usual one, a corpus, an option of the model; the usual value spelled out is no change."""
    recipe = find_recipe("ablation")
    [row] = find_rows(["F"])
    changes = ["learning_rate=0.001", "train=sst2-train", "model.hidden_size=64", "word_vector_rate=0.5"]
    hashes = {runner(recipe.with_changes([change])).settings(row) for change in changes}
    hashes.add(runner(recipe).settings(row))
    assert len(hashes) == 5
    assert runner(recipe.with_changes(["word_vector_rate=1.0"])).settings(row) == runner(recipe).settings(row)
