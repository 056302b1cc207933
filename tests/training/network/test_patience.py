from training.network.patience import Patience


def test_patience_ends_after_epochs_without_a_rise() -> None:
    """Two epochs that are not better by 0.1 end it; then it begins again."""
    patience = Patience(2, 0.1)
    assert [patience.is_over(score) for score in (0.5, 0.55, 0.7, 0.7, 0.75, 0.7, 0.7)] == [
        False,
        False,
        False,
        False,
        True,
        False,
        True,
    ]


def test_zero_patience_never_ends() -> None:
    """Zero switches it off."""
    patience = Patience(0, 0.0)
    assert not any(patience.is_over(0.0) for _ in range(99))
