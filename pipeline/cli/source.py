"""`tocsin source`: publishes the posts of one live source until SIGTERM or Ctrl-C."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.options import (
    BrokersOption,
    ConfigOption,
    LangOption,
    SourceUrlOption,
    WordsOption,
    set_options,
)


def source(
    name: Annotated[
        str, typer.Argument(help="The source: bluesky, mastodon, x, rss or kafka.", show_default=False)
    ],
    lang: LangOption = None,
    words: WordsOption = None,
    url: SourceUrlOption = None,
    brokers: BrokersOption = None,
    config: ConfigOption = None,
) -> None:
    """Bring the posts of a live source to the topic of posts, until SIGTERM or Ctrl-C."""
    import asyncio
    import sys

    from pipeline.monitor.logs import configure_logging
    from pipeline.settings import load_settings
    from pipeline.sources.live.runner.process import run_live_source
    from pipeline.stopping import end_at_once_on_signal

    end_at_once_on_signal(status=0)  # nothing is begun yet
    options = set_options(source_languages=lang, source_words=words, source_url=url, brokers=brokers)
    settings = load_settings(config, overrides=options)
    configure_logging(settings.log_level)
    status = asyncio.run(run_live_source(name, settings))
    if status:
        sys.exit(status)
