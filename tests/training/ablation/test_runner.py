from pathlib import Path

from training.ablation.results import read_results
from training.ablation.rows import find_rows
from training.ablation.runner import AblationRunner
from training.cli.options import ROOT
from training.network.named_recipes import ABLATION_TEST, find_recipe
from training.network.recipe import Recipe

RESULTS = ROOT / "training" / "results" / "ablation"


def runner(recipe: Recipe) -> AblationRunner:
    return AblationRunner(recipe, Path(), ABLATION_TEST, name="ablation")


def test_the_results_in_the_repository_are_still_found() -> None:
    """`make ablation` continues from them, although settings have been added since: none is trained again."""
    ablation = runner(find_recipe("ablation"))
    results = read_results(RESULTS)
    assert len(results) >= 30
    for result in results:
        [row] = find_rows([result.row])
        assert ablation.settings(row) == result.settings, result.name
        wanted = {**find_recipe("ablation").to_dict(), **result.recipe}
        wanted["model"] = {**find_recipe("ablation").model, **row.model}
        newer = {"use_sparse_word_steps": False, "repeats": {}, "variation": 0.0}
        assert {**result.recipe, **newer} == wanted


def test_other_settings_have_another_hash() -> None:
    """A value, a corpus, an option of the model, and a setting newer than the results each change the hash."""
    recipe = find_recipe("ablation")
    [row] = find_rows(["F"])
    changes = ["weight_decay=0.05", "train=sst2-train", "model.hidden_size=64", "use_sparse_word_steps=true"]
    changes += ["variation=0.5", "repeats.sst2-train=2"]
    hashes = {runner(recipe.with_changes([change])).settings(row) for change in changes}
    assert len(hashes | {runner(recipe).settings(row)}) == 7
    assert runner(recipe.with_changes(["use_sparse_word_steps=false"])).settings(row) not in hashes
