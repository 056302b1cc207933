"""Which warnings fail a test, by the very filters that pyproject.toml gives to pytest."""

import warnings

import pytest

_DEPRECATIONS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
_OURS = ("pipeline.messages.codec", "models", "training.ablation.report", "tests.test_warnings")
_OTHERS = ("torch_geometric.inspector", "torch.jit._script", "spacy.util", "modelsx", "asyncio.events")


def _warn_in(module: str, category: type[Warning]) -> None:
    """Warn as a line of that module would."""
    exec(
        "import warnings; warnings.warn('no longer in 3.15', category)",
        {"__name__": module, "category": category},
    )


@pytest.mark.parametrize("category", [*_DEPRECATIONS, UserWarning, RuntimeWarning, ResourceWarning])
@pytest.mark.parametrize("module", _OURS)
def test_every_warning_of_our_code_is_an_error(module: str, category: type[Warning]) -> None:
    """So we find early what the next Python or package breaks."""
    with pytest.raises(category, match="no longer"):
        _warn_in(module, category)


@pytest.mark.parametrize("category", _DEPRECATIONS)
@pytest.mark.parametrize("module", _OTHERS)
def test_deprecations_of_other_packages_are_not_errors(module: str, category: type[Warning]) -> None:
    """A newer Python finds more of them, and we cannot correct them."""
    with warnings.catch_warnings(record=True):
        _warn_in(module, category)


@pytest.mark.parametrize("category", [UserWarning, RuntimeWarning, ResourceWarning])
def test_other_warnings_are_errors_in_every_package(category: type[Warning]) -> None:
    """They report something that goes wrong now, more often by our own doing."""
    with pytest.raises(category, match="no longer"):
        _warn_in("aiokafka.client", category)
