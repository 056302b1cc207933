"""Posts to alerts without Kafka."""

from pathlib import Path

SAMPLE_POSTS = Path(__file__).with_name("sample_posts.jsonl")
