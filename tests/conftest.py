import pytest
import torch

from tests.kafka_jars import name_shared_jars

name_shared_jars()


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Networks this small are slower on many threads, and far slower where others use the machine too."""
    torch.set_num_threads(1)
