from pathlib import Path

import pytest

from tests.training.ablation.made_up import data, result, speed
from training.ablation.report import write_report
from training.ablation.results import RunResult, read_results, write_result
from training.errors import AblationError

FIGURES = ("figure2_sentence_lengths", "figure3_scores", "learning_curves", "trade_off")


def report(folder: Path, runs: list[RunResult], **rates: float) -> str:
    write_report(folder, runs, data(), speed(**rates) if rates else {})
    return (folder / "README.md").read_text()


def runs(e_missed: int, c_missed: int) -> list[RunResult]:
    missed = {"E": e_missed, "C": c_missed}
    return [result(row, seed, missed=range(n)) for row, n in missed.items() for seed in (1, 2, 3)]


def test_sentences_follow_the_figures(tmp_path: Path) -> None:
    """The paper's claim about characters holds, is contradicted, or is not shown, according to the runs."""
    claim = '"characters help entities (E over C)": '
    assert f"{claim}**holds here**" in report(tmp_path, runs(5, 40))
    assert f"{claim}**contradicted**" in report(tmp_path, runs(40, 5))
    text = report(tmp_path, runs(20, 20))
    assert f"{claim}**not shown**" in text
    assert "Characters: no difference in entity F1 that these runs can show." in text


def test_the_table_has_the_papers_figures_beside_ours(tmp_path: Path) -> None:
    """Mean and deviation were calculated by hand; the paper's figures and a guess's scores are in the table."""
    some = [result("E", 1, wrong=range(20)), result("E", 2, wrong=range(24))]
    text = report(tmp_path, some)
    assert (
        "| E | one shared SynLSTM + characters | 2 | 100.00 ± 0.00 | 97.00 ± 0.00 | 94.20 | 89.00 ± 1.41 | 84.55 |"
        in text
    )
    assert "guess: O for every token | | 0.00 |" in text
    assert "Speed was not measured." in text


def test_speeds_are_ratios_and_name_the_simplest(tmp_path: Path) -> None:
    """The fastest of equal rows is chosen, and its lead follows from the rates."""
    text = report(tmp_path, [result("E", 1), result("F", 1)], E=500.0, F=1500.0)
    assert "**F** (one shared BiLSTM + characters) is the simplest that is good enough" in text
    assert "It annotates 3.0 times as many posts a second as E" in text
    assert "| E | 100.00 ± 0.00 | 500 | 0.33 | 1,000 | yes |" in text


def test_differences_from_the_papers_counts_are_listed(tmp_path: Path) -> None:
    """One count of Table 1 agrees (LOC in train), the others don't."""
    text = report(tmp_path, [result("E", 1)])
    assert "23 of 24 counts differ from the paper's" in text
    assert "B-LOC train" not in text


def test_figures_are_drawn_again_with_the_same_bytes(tmp_path: Path) -> None:
    """There are four pictures, and the same results give the same bytes."""
    report(tmp_path, runs(5, 10), E=10.0, C=20.0)
    first = [(tmp_path / "figures" / f"{name}.png").read_bytes() for name in FIGURES]
    report(tmp_path, runs(5, 10), E=10.0, C=20.0)
    assert first == [(tmp_path / "figures" / f"{name}.png").read_bytes() for name in FIGURES]


def test_results_are_read_as_written_and_damaged_ones_refused(tmp_path: Path) -> None:
    """Other settings in one row, damaged files and an empty folder are errors."""
    with pytest.raises(AblationError, match="no results yet"):
        write_report(tmp_path, [], {}, {})
    write_result(tmp_path, result("E", 1, missed=[3]))
    [read] = read_results(tmp_path)
    assert read == result("E", 1, missed=[3])
    path = tmp_path / "runs" / "E-seed2.json"
    path.write_bytes((tmp_path / "runs" / "E-seed1.json").read_bytes().replace(b"hash-E", b"hash-X"))
    with pytest.raises(AblationError, match="different settings"):
        read_results(tmp_path)
    path.write_bytes(b"{}")
    with pytest.raises(AblationError, match="delete it to make the run again"):
        read_results(tmp_path)


def test_hindsight_leaves_out_rows_that_are_worse_on_test(tmp_path: Path) -> None:
    """A fast row that misses far more differs from the best one; a row that misses about as much does not."""
    missed = {"E": range(20), "F": range(21), "D": range(90)}
    some = [result(row, seed, missed=of_row) for row, of_row in missed.items() for seed in (1, 2, 3)]
    text = report(tmp_path, some, E=500.0, F=1500.0, D=4500.0)
    assert "E, F cannot be told from the row with the best mean" in text
    assert "The fastest of them is F, with 3.0 times the posts a second of the slowest." in text
