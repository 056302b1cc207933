import signal

import pytest
import torch

from tests.kafka_jars import name_shared_jars

name_shared_jars()

# A shell lets what it starts in the background ignore Ctrl-C. Programs that the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Networks this small are slower on many threads, and far slower if other programs use the machine."""
    torch.set_num_threads(1)
