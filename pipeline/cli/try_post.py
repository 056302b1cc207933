"""`tocsin try`: one post, or a file of posts, through everything but Kafka."""

from __future__ import annotations

from pathlib import Path

from pipeline.cli.options import set_options
from pipeline.local.slow_start import say_on_stderr
from pipeline.monitor.logs import configure_logging
from pipeline.settings import Settings, load_settings
from pipeline.sources.post_file import open_posts
from pipeline.stopping import run


def try_text(text: str, config: Path | None, *, llm_url: str | None) -> None:
    """Write the alert for the text of one post, and show every step."""
    settings = _prepare(config, llm_url=llm_url)
    _announce()
    from pipeline.offline.one_post import run_trial

    run(run_trial(text, settings))


def try_file(
    posts: Path,
    config: Path | None,
    *,
    llm_url: str | None = None,
    post_format: str | None = None,
    ignores_given: bool = False,
) -> None:
    """Print everything about each post of the file as a JSON line.

    Args:
        post_format: of the file; None: as the settings say.
        ignores_given: let the network annotate every post, whatever the file says of it.
    """
    settings = _prepare(config, llm_url=llm_url, post_format=post_format)
    if not posts.is_fifo():  # what a writer sends into a pipe that is closed again is lost
        with open_posts(str(posts)):  # a file that cannot be used is reported before anything is loaded
            pass
    _announce()
    from pipeline.offline.post_file import run_trial_file

    run(run_trial_file(posts, settings, ignores_given=ignores_given))


def _prepare(config: Path | None, **options: str | None) -> Settings:
    configure_logging("warning")
    return load_settings(config, overrides=set_options(**options))


def _announce() -> None:
    """Say that the program works, because loading takes seconds and shows nothing."""
    say_on_stderr("loading; this takes some seconds")
