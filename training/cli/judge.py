"""The command `python -m training judge`; it runs in the environment that `make writer-env` makes."""

from pathlib import Path
from typing import Annotated

import orjson
import torch
import typer

from training.cli.options import DATA_FOLDER, ROOT
from training.corpora.corpus import is_held_out
from training.writer.base_model import add_adapter, load_base, prepare_base
from training.writer.judging import judge_posts, ranking
from training.writer.posts import read_alert_posts


def judge_command(
    adapter: Annotated[Path, typer.Argument(help="PEFT folder of a writer's adapter.")],
    posts: Annotated[Path, typer.Option(help="Posts with right and wrong alerts.")] = DATA_FOLDER
    / "alert_hard"
    / "train.jsonl",
    base: Annotated[Path, typer.Option(help="Cache of the dequantised base model.")] = ROOT
    / ".cache"
    / "writer",
    num_threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
) -> None:
    """Measure on held-out posts how well an adapter's judge tells right alerts from wrong ones.

    Prints one JSON object; `auc` is the area under the ROC curve, 0.5 for guesses.

    Example: .venv-writer/bin/python -m training judge models/writers/social
    """
    torch.set_num_threads(num_threads)
    model, tokenizer = load_base(prepare_base(base))
    adapted = add_adapter(model, adapter)
    held_out = [post for post in read_alert_posts(posts) if is_held_out(post.id)]
    judged = list(judge_posts(adapted.get_base_model(), tokenizer, held_out))
    num_right = sum(example.is_true for example in judged)
    counts = {"num_right": num_right, "num_wrong": len(judged) - num_right}
    print(orjson.dumps({"adapter": adapter.name, "auc": ranking(judged), **counts}).decode())
