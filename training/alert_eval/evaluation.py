"""Runs the settings over a file of posts: each with the gold entities among others, and with the network's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from models import AnnotationError, Annotator
from training.alert_eval.gold_posts import GoldPost
from training.alert_eval.inputs import AlertInput, gold_input, network_input
from training.alert_eval.our_way import run_pipeline
from training.alert_eval.outcome import Outcome
from training.alert_eval.paper_way import run_paper
from training.alert_eval.rows import AlertSetting, EntitySource
from training.alert_eval.scores import flip_rate, score
from training.alert_eval.server import llm_server
from training.alert_eval.similarity import load_similarity

Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvaluation:
    """What is run, and how.

    Attributes:
        sources: where the entities come from, one row each.
        adapter: the writer's GGUF adapter.
        llm_url: base URL of a server to use for all rows instead of the embedded ones.
        has_flips: whether to run everything a second time under other seeds.
    """

    settings: Sequence[AlertSetting]
    sources: Sequence[EntitySource]
    adapter: Path
    llm_url: str | None = None
    has_flips: bool = False

    def run(self, posts: Sequence[GoldPost], annotator: Annotator) -> Iterator[tuple[Row, list[Outcome]]]:
        """Yield a row, and the outcomes behind it, for each setting and source."""
        similarity = load_similarity()
        inputs = {source: _inputs(posts, source, annotator) for source in self.sources}
        with ExitStack() as stack:
            url_of = self._servers(stack)
            for setting in self.settings:
                for source in self.sources:
                    url = url_of(setting)
                    outcomes = _run(inputs[source], setting, url)
                    row: Row = {
                        "setting": f"{setting.name} | {source}",
                        "row": setting.name,
                        "entities": source,
                    }
                    row |= score(list(zip(posts, outcomes, strict=True)), similarity)
                    if self.has_flips:
                        row["flip_rate"] = flip_rate(outcomes, _run(_reseeded(inputs[source]), setting, url))
                    yield row, outcomes

    def _servers(self, stack: ExitStack) -> Callable[[AlertSetting], str]:
        """Return what gives a setting's server; each is started when first asked for."""
        urls: dict[bool, str] = {}

        def url_of(setting: AlertSetting) -> str:
            if self.llm_url is not None:
                return self.llm_url
            if setting.has_adapter not in urls:
                adapter = self.adapter if setting.has_adapter else None
                urls[setting.has_adapter] = stack.enter_context(llm_server(adapter))
            return urls[setting.has_adapter]

        return url_of


def _run(inputs: Sequence[AlertInput], setting: AlertSetting, url: str) -> list[Outcome]:
    way = run_paper if setting.way == "paper" else run_pipeline
    return way(inputs, setting, url)


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
