"""Builds the parts of the alert agent from the settings; `tocsin try` uses them, too."""

from __future__ import annotations

from collections.abc import Callable

from models.errors import CalibrationError
from models.prompts.plain_text import MAX_ENTITY_BYTES, MAX_POST_BYTES, MAX_SHOWN_ENTITIES
from models.prompts.prompt import ChatMessage, load_prompt
from models.writers import SOCIAL_CALIBRATION
from models.writers.calibration import Calibration, read_calibration
from pipeline.alert.generator import JUDGE_PROMPT, SELECTION_PROMPT, AlertGenerator, AlertOptions, Llm
from pipeline.alert.metrics import TOKEN_KINDS, AlertMetrics
from pipeline.alert.selection.judge import MAX_JUDGED
from pipeline.alert.selection.selector import MAX_OPTIONS, NONE_OF_THESE
from pipeline.errors import SettingsError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.llm.http import LlmRequest
from pipeline.llm.options import Demands, LlmOptions, RetryLimits
from pipeline.llm.question import VERDICT_ALTERNATIVES
from pipeline.monitor.health import Progress
from pipeline.outcomes.ledger import Ledger
from pipeline.settings import Settings

_WORDS = "Say hello. "  # English, which takes few tokens a byte; other scripts take more
_THEME = "Large demonstrations expected"  # three words, as many as a theme may have


def build_ledger(settings: Settings, progress: Progress) -> Ledger:
    """Return the ledger of the topics of alerts and abstentions; it has read nothing yet."""
    topics = [settings.topic_alerts, settings.topic_abstained]
    return Ledger(
        lambda: partition_reader(Cluster.of(settings), topics),
        abstained_topic=settings.topic_abstained,
        max_age_seconds=settings.ledger_seconds,
        max_posts=settings.ledger_max_posts,
        on_progress=progress.move,
    )


def count_llm_requests(metrics: AlertMetrics, progress: Progress) -> Callable[[LlmRequest], None]:
    """Return a function that counts a finished request in `metrics` and reports it to `progress`."""

    def count(request: LlmRequest) -> None:
        progress.move()
        metrics.llm_requests.labels(request.outcome).inc()
        metrics.llm_request_seconds.observe(request.seconds)
        for kind in TOKEN_KINDS:
            metrics.llm_tokens.labels(kind).inc(getattr(request, f"{kind}_tokens"))

    return count


def llm_options(settings: Settings) -> LlmOptions:
    """Return what the settings say about the LLM, for `LlmClient.connect`."""
    return LlmOptions(
        url=settings.llm_url,
        model=settings.llm_model,
        api_key=settings.llm_api_key.get_secret_value() if settings.llm_api_key else None,
        timeout_seconds=settings.llm_timeout_seconds,
        max_requests=settings.llm_max_requests,
        constraint=settings.llm_constraint,
        template=settings.llm_template,
        think_tokens=settings.llm_think_tokens,
        demands=_demands(settings),
        limits=RetryLimits(give_up_seconds=settings.degraded_after_seconds or float("inf")),
    )


def _demands(settings: Settings) -> Demands:
    is_asked_to_select = settings.selection == "llm" and settings.num_samples > 1
    has_verdict = load_prompt(settings.candidate_prompt).verdict is not None
    is_asked_to_judge = settings.selection == "judge" and not has_verdict
    return Demands(
        num_samples=settings.num_samples,
        temperature=settings.temperature,
        max_tokens=settings.llm_max_tokens,
        candidate_prompt=longest_candidate_prompt(settings.candidate_prompt),
        selection_prompt=longest_selection_prompt() if is_asked_to_select else None,
        judge_prompt=longest_judge_prompt() if is_asked_to_judge else None,
        num_judged=min(settings.num_samples, MAX_JUDGED),
        sample_alternatives=VERDICT_ALTERNATIVES if has_verdict else 1,
    )


def longest_candidate_prompt(ref: str) -> list[ChatMessage]:
    """Return this prompt with the longest post, and with the most and longest entities; all of it harmless."""
    return load_prompt(ref).render(
        post=_filled(MAX_POST_BYTES),
        entities="; ".join([_filled(MAX_ENTITY_BYTES)] * MAX_SHOWN_ENTITIES),
        sentiment="negative",
    )


def longest_selection_prompt() -> list[ChatMessage]:
    """Return the selection prompt with the longest post, and with the most and longest options; all of it harmless."""
    options = [f"{_THEME}: {_filled(MAX_ENTITY_BYTES)}"] * MAX_OPTIONS + [NONE_OF_THESE]
    return load_prompt(SELECTION_PROMPT).render(
        post=_filled(MAX_POST_BYTES),
        options="\n".join(f"{number}. {option}" for number, option in enumerate(options, 1)),
    )


def longest_judge_prompt() -> list[ChatMessage]:
    """Return the judge's prompt with the longest post and the longest alert; all of it harmless."""
    return load_prompt(JUDGE_PROMPT).render(
        post=_filled(MAX_POST_BYTES), alert=f"{_THEME}: {_filled(MAX_ENTITY_BYTES)}"
    )


def _filled(num_bytes: int) -> str:
    return (_WORDS * (num_bytes // len(_WORDS) + 1))[:num_bytes].strip()


def build_alert_generator(llm: Llm, settings: Settings) -> AlertGenerator:
    """Return the generator that these settings ask for.

    Raises:
        SettingsError: the calibration beside the adapter is damaged.
    """
    options = AlertOptions(
        num_samples=settings.num_samples,
        temperature=settings.temperature,
        max_tokens=settings.llm_max_tokens,
        selection=settings.selection,
        candidate_prompt=settings.candidate_prompt,
        languages=settings.wanted_languages,
        mentions=settings.mentions,
        calibration=_calibration(settings),
        min_confidence=settings.min_confidence,
    )
    return AlertGenerator(llm, options)


def _calibration(settings: Settings) -> Calibration:
    # Only our own writer's verdicts are calibrated; a model that somebody else serves under its prompt is taken for it.
    try:
        return read_calibration(SOCIAL_CALIBRATION, settings.candidate_prompt)
    except CalibrationError as error:
        raise SettingsError([str(error)]) from error
