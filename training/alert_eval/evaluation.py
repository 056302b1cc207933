"""Runs the rows over a file of posts: each row with the gold entities among others, and with the network's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from models import AnnotationError, Annotator
from training.alert_eval.gold_posts import AlertInput, GoldPost, gold_input, network_input
from training.alert_eval.matching import load_similarity
from training.alert_eval.our_way import run_pipeline
from training.alert_eval.paper_way import run_paper
from training.alert_eval.rows import EntitySource, PostResult, Row
from training.alert_eval.scores.acceptable import flip_rate
from training.alert_eval.scores.all_scores import score
from training.alert_eval.scores.ratio import Pairs
from training.alert_eval.server import llm_server

ReportRow = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvaluation:
    """What is run, and how.

    Attributes:
        rows: what is compared.
        sources: where the entities come from; each row runs once with each.
        adapter: the alert writer's GGUF adapter.
        llm_url: base URL of an LLM server to use for all rows instead of the embedded ones.
        has_flips: whether to run everything a second time under other seeds.
    """

    rows: Sequence[Row]
    sources: Sequence[EntitySource]
    adapter: Path
    llm_url: str | None = None
    has_flips: bool = False

    def run(self, posts: Sequence[GoldPost], annotator: Annotator) -> Iterator[tuple[ReportRow, Pairs]]:
        """Yield a row of the report, and the posts with the results behind it, for each row and source."""
        similarity = load_similarity()
        inputs = {source: _inputs(posts, source, annotator) for source in self.sources}
        with ExitStack() as stack:
            url_of = self._servers(stack)
            for row in self.rows:
                for source in self.sources:
                    url = url_of(row)
                    results = _run(inputs[source], row, url)
                    reported: ReportRow = {
                        "setting": f"{row.name} | {source}",
                        "row": row.name,
                        "entities": source,
                    }
                    pairs = list(zip(posts, results, strict=True))
                    reported |= score(pairs, similarity)
                    if self.has_flips:
                        again = _run(_reseeded(inputs[source]), row, url)
                        reported["flip_rate"] = flip_rate(results, again)
                    yield reported, pairs

    def _servers(self, stack: ExitStack) -> Callable[[Row], str]:
        """Return the function that gives a row's server; each server starts when it is first needed."""
        urls: dict[bool, str] = {}

        def url_of(row: Row) -> str:
            if self.llm_url is not None:
                return self.llm_url
            if row.has_adapter not in urls:
                adapter = self.adapter if row.has_adapter else None
                urls[row.has_adapter] = stack.enter_context(llm_server(adapter))
            return urls[row.has_adapter]

        return url_of


def _run(inputs: Sequence[AlertInput], row: Row, url: str) -> list[PostResult]:
    way = run_paper if row.way == "paper" else run_pipeline
    return way(inputs, row, url)


def _inputs(posts: Sequence[GoldPost], source: EntitySource, annotator: Annotator) -> list[AlertInput]:
    if source == "gold+3":
        return [gold_input(post) for post in posts]
    annotations = annotator.annotate([post.text for post in posts])
    inputs: list[AlertInput] = []
    for post, annotation in zip(posts, annotations, strict=True):
        if isinstance(annotation, AnnotationError):
            inputs.append(replace(network_input(post), entities=(), sentiment="neutral"))
            continue
        entities = tuple(entity.text for entity in annotation.entities)
        label = annotation.sentiment.label if annotation.sentiment else "neutral"
        inputs.append(replace(network_input(post), entities=entities, sentiment=label))
    return inputs


def _reseeded(inputs: Sequence[AlertInput]) -> list[AlertInput]:
    # The pipeline draws its seed, and thus the order of the candidates, from the post's id.
    return [replace(post, id=f"{post.id}-again") for post in inputs]
