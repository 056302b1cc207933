"""Where the files of the corpora lie."""

import os
from collections.abc import Mapping
from pathlib import Path

DATA_VARIABLE = "TOCSIN_DATA"

_REPOSITORY = Path(__file__).resolve().parents[2]


def find_data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that `TOCSIN_DATA` names, or else `data` in the working folder.

    Without both, a folder `shared/data` beside the repository is used if it is there: several clones can share it.
    """
    if named := environ.get(DATA_VARIABLE):
        return Path(named)
    here, beside = Path("data"), _REPOSITORY.parent / "shared" / "data"
    return beside if beside.is_dir() and not here.is_dir() else here
