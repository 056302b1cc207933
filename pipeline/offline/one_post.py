"""`tocsin try`: one post through the whole, every step shown."""

from __future__ import annotations

import asyncio

from rich.console import Console
from rich.table import Table
from rich.text import Text

from models import Annotation, AnnotationError
from pipeline.alert.attempt import Generation
from pipeline.alert.metrics import VALID
from pipeline.annotate.network import load_annotator, to_annotated_post
from pipeline.errors import UnannotatableError
from pipeline.messages import Alert, AnnotatedPost, Post
from pipeline.messages.stopwatch import Stopwatch
from pipeline.offline.given_post import NO_ORIGIN
from pipeline.offline.session import open_session
from pipeline.outcomes.render import render_sentiment
from pipeline.printable import printable
from pipeline.settings import Settings


async def run_trial(text: str, settings: Settings) -> None:
    """Annotate the text, write its alert, and show how; starts the embedded LLM where no server is named.

    Raises:
        SettingsError: the checkpoint or the device cannot be used.
        UnannotatableError: the network refuses the text.
        LocalServiceError: the embedded LLM does not come up, or ends.
    """
    console = Console(highlight=False, soft_wrap=True)
    with console.status("loading the network"):
        annotator = await asyncio.to_thread(load_annotator, settings)
    post = Post(id="try", text=text)
    stopwatch = Stopwatch()
    (annotation,) = await asyncio.to_thread(annotator.annotate, [text])
    if isinstance(annotation, AnnotationError):
        raise UnannotatableError(str(annotation))
    stages = [stopwatch.stage("annotate")]
    annotated = to_annotated_post(post, annotation, annotator, origin=NO_ORIGIN, stages=stages)
    _show_annotation(console, annotation, annotated)
    with console.status("asking the LLM"):
        generation = await _generate(annotated, settings)
    _show_generation(console, generation)


async def _generate(annotated: AnnotatedPost, settings: Settings) -> Generation:
    async with open_session(settings) as llm:
        return await llm.while_running(llm.generator.generate(annotated))


def _show_annotation(console: Console, annotation: Annotation, annotated: AnnotatedPost) -> None:
    console.print(
        _line("tokens", Text(" ").join([Text(printable(t.text), "on grey19") for t in annotation.tokens]))
    )
    for entity in annotated.entities:
        place = f"  characters {entity.start} to {entity.end}, {entity.score:.2f}"
        console.print(
            _line(
                "entity",
                Text.assemble((printable(entity.text), "bold"), f"  [{entity.type}]", (place, "dim")),
            )
        )
    if not annotated.entities:
        console.print(_line("entity", Text("none", "yellow")))
    if annotated.sentiment:
        console.print(_line("sentiment", render_sentiment(annotated.sentiment)))


def _show_generation(console: Console, generation: Generation) -> None:
    if generation.samples:
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        for sample in generation.samples:
            verdict = Text(sample.rejected_by, "red") if sample.rejected_by else Text(VALID, "green")
            table.add_row(Text("sample", "dim"), verdict, Text(printable(sample.text)))
        console.print(table)
    for index, candidate in enumerate(generation.candidates):
        mark = "◄ chosen" if index == generation.chosen else ""
        shown = f"{index + 1}. {candidate.theme}: {candidate.entity.text}"
        console.print(
            _line("candidate", Text.assemble(printable(shown), (f"  ×{candidate.count}  {mark}", "green")))
        )
    outcome = generation.outcome
    provenance = outcome.provenance
    llm = printable(provenance.llm or "")
    how = f"  {provenance.selected_by or ''} {llm} {provenance.candidate_prompt or ''}"
    if isinstance(outcome, Alert):
        if outcome.confidence is not None:
            how = f"  {outcome.confidence:.2f}{how}"
        console.print(_line("ALERT", Text.assemble((printable(outcome.alert), "bold cyan"), (how, "dim"))))
    else:
        console.print(_line("no alert", Text.assemble((outcome.reason, "yellow"), (how, "dim"))))


def _line(name: str, content: Text) -> Text:
    return Text.assemble((f"{name:<11}", "dim"), content)
