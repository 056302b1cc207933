"""`tocsin try TEXT`: takes one post through network and LLM, and shows every step."""

from __future__ import annotations

import asyncio
import math

from msgspec import structs
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models import Annotation, AnnotationError
from pipeline.alert.candidates import CheckedSample
from pipeline.alert.filters import REFUSAL
from pipeline.alert.generator import REFUSAL_PROBABILITY, REFUSED_SHARE
from pipeline.alert.metrics import VALID
from pipeline.alert.outcome import AlertResult
from pipeline.annotate.language import Languages, annotate_wanted
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
    """Annotate the text, write its alert, and show every step; starts the embedded LLM if the settings name no server.

    Raises:
        SettingsError: the checkpoint or the device cannot be used.
        UnannotatableError: the network refuses the text.
        LocalServiceError: the embedded LLM does not start, or ends.
    """
    console = Console(highlight=False, soft_wrap=True)
    with console.status("loading the network"):
        annotator = await asyncio.to_thread(load_annotator, settings)
    post = Post(id="try", text=text)
    stopwatch = Stopwatch()
    languages = Languages(settings.wanted_languages)
    ((annotation, language),) = await asyncio.to_thread(annotate_wanted, annotator, [post], languages, {})
    if isinstance(annotation, AnnotationError):
        raise UnannotatableError(str(annotation))
    stages = [stopwatch.stage("annotate")]
    annotated = to_annotated_post(post, annotation, annotator, origin=NO_ORIGIN, stages=stages)
    annotated = structs.replace(annotated, language=language)
    _show_annotation(console, annotation, annotated)
    with console.status("asking the LLM"):
        result = await _generate(annotated, settings)
    _show_samples(console, result)
    _show_candidates(console, result)
    _show_outcome(console, result)


async def _generate(annotated: AnnotatedPost, settings: Settings) -> AlertResult:
    async with open_session(settings) as llm:
        return await llm.while_running(llm.generator.generate(annotated))


def _show_annotation(console: Console, annotation: Annotation, annotated: AnnotatedPost) -> None:
    tokens = [Text(printable(token.text), "on grey19") for token in annotation.tokens]
    console.print(_line("language", Text(annotated.language or "in doubt")))
    console.print(_line("tokens", Text(" ").join(tokens)))
    for entity in annotated.entities:
        where = f"  characters {entity.start} to {entity.end}, {entity.score:.2f}"
        shown = Text.assemble((printable(entity.text), "bold"), f"  [{entity.type}]", (where, "dim"))
        console.print(_line("entity", shown))
    if not annotated.entities:
        console.print(_line("entity", Text("none", "yellow")))
    if annotated.sentiment:
        console.print(_line("sentiment", render_sentiment(annotated.sentiment)))


def _show_samples(console: Console, result: AlertResult) -> None:
    if not result.samples:
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for sample in result.samples:
        verdict = Text(_describe(sample), "red" if sample.rejected_by else "green")
        table.add_row(Text("sample", "dim"), verdict, Text(printable(sample.text)))
    console.print(table)


def _describe(sample: CheckedSample) -> str:
    """Return the verdict on the sample; for a refusal also what decides whether the LLM declines the post."""
    if sample.rejected_by != REFUSAL:
        return sample.rejected_by or VALID
    if sample.log_probability is None:
        return f"{REFUSAL} (declines from {REFUSED_SHARE:.0%} of the samples)"
    return f"{REFUSAL} {_probability(sample.log_probability)} (declines from {REFUSAL_PROBABILITY:.2f})"


def _probability(log_probability: float) -> str:
    # Cut and not rounded: a value below a threshold must not be shown as the threshold.
    return f"{math.floor(math.exp(log_probability) * 100) / 100:.2f}"


def _show_candidates(console: Console, result: AlertResult) -> None:
    for index, candidate in enumerate(result.candidates):
        mark = "  ◄ chosen" if index == result.chosen else ""
        known = candidate.log_probability
        probability = "" if known is None else f"  {_probability(known)}"
        truth = "" if candidate.truth is None else f"  true {candidate.truth:.2f}"
        shown = printable(f"{index + 1}. {candidate.theme}: {candidate.entity.text}")
        facts = f"  ×{candidate.count}{probability}{truth}{mark}"
        console.print(_line("candidate", Text.assemble(shown, (facts, "green"))))


def _show_outcome(console: Console, result: AlertResult) -> None:
    outcome = result.outcome
    provenance = outcome.provenance
    llm = printable(provenance.llm or "")
    how = f"  {provenance.selected_by or ''} {llm} {provenance.candidate_prompt or ''}"
    if outcome.confidence is not None:
        how = f"  {outcome.confidence:.2f}{how}"
    if isinstance(outcome, Alert):
        console.print(_line("ALERT", Text.assemble((printable(outcome.alert), "bold cyan"), (how, "dim"))))
    else:
        doubted = f"  {printable(outcome.doubted)}" if outcome.doubted else ""
        console.print(_line("no alert", Text.assemble((outcome.reason, "yellow"), doubted, (how, "dim"))))


def _line(name: str, content: Text) -> Text:
    return Text.assemble((f"{name:<11}", "dim"), content)
