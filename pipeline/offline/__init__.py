"""From posts to alerts without Kafka: for people who try a post, and for evaluations.

- `one_post`: `tocsin try TEXT`, one post with every step shown.
- `post_file`: `tocsin try --posts FILE`, many posts with everything about each as a line of JSON.
- `given_post`: a post that may come with its own entities and sentiment.
- `session`: an LLM server, running or started for the purpose, and the generator of alerts that asks it.
- `constraint_bench`: two ways to constrain the LLM, compared on posts.
- `language_bench`: detectors of languages, compared on posts.
- `theme_support`: learns which words of posts go with words of themes, and measures the rule that uses them.
- `sample_posts.jsonl`: the posts of `tocsin demo`; some of them are hostile, some unusable.
"""

from pathlib import Path

SAMPLE_POSTS = Path(__file__).with_name("sample_posts.jsonl")
