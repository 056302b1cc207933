import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from training.alert_eval.gold_posts import AlertInput
from training.alert_eval.paper_way import chosen_line, passing_line, run_paper
from training.alert_eval.rows import ROWS, Row, find_rows
from training.errors import RecipeError, WriterError

POST = AlertInput("a", "Floods hit Tolsburg", ("Tolsburg",), "negative")
PAPER = Row(name="paper", way="paper", prompt="candidate-v1", num_samples=3, selection="llm")


@pytest.mark.parametrize(
    ("sample", "line"),
    [
        ("Flooding: Tolsburg", "Flooding: Tolsburg"),
        ("Tolsburg flooding: a river", "Tolsburg flooding: a river"),
        ("2023-01-15: Tolsburg", "2023-01-15: Tolsburg"),
        ("A theme of five words: Tolsburg", None),
        ("Flooding: Atlantis", None),
        ("Flooding in Tolsburg", None),
        ("", None),
    ],
)
def test_the_papers_filter_lets_an_entity_stand_anywhere(sample: str, line: str | None) -> None:
    """As in the paper, dates pass as themes, and entities before the colon; long themes and a missing colon do not."""
    assert passing_line(sample, ["Tolsburg"]) == line


@pytest.mark.parametrize(
    ("answer", "line"), [("The best is b: y.", "b: y"), ("2", "b: y"), ("9", "a: x"), ("no idea", "a: x")]
)
def test_a_free_answer_names_an_option_by_words_or_number(answer: str, line: str) -> None:
    """An answer that names none means the first."""
    assert chosen_line(answer, ["a: x", "b: y"]) == line


@pytest.fixture
def llm() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that gives these answers in turn, and keeps the requests."""
    answers = iter(["Flooding: Tolsburg", "nonsense", "High water: Tolsburg", "2"])
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path != "/v1/chat/completions":
                self.send_response(404 if "wrong" in self.path else 200)
                self.end_headers()
                self.wfile.write(b"{}")
                return
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            usage = {"prompt_tokens": 5, "completion_tokens": 2}
            body = {"choices": [{"message": {"content": next(answers)}}], "usage": usage}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_papers_way_samples_serially_and_lets_the_llm_select(
    llm: tuple[str, list[dict[str, Any]]],
) -> None:
    """There is one request for each sample and one more for the choice, and all tokens are counted."""
    url, asked = llm
    [outcome] = run_paper([POST], PAPER, url)
    assert (outcome.theme, outcome.entity, outcome.num_tokens) == ("High water", "Tolsburg", 28)
    assert len(asked) == 4
    assert asked[0]["messages"] == asked[2]["messages"]
    assert "2. High water: Tolsburg" in asked[3]["messages"][-1]["content"]


def test_a_server_that_is_away_is_an_error_of_one_line() -> None:
    """The line has the address and the reason, and no traceback of httpx."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(WriterError, match=f"the LLM server at {url} gave no answer: "):
            run_paper([POST], PAPER, url)


def test_an_answer_of_another_form_is_refused(llm: tuple[str, list[dict[str, Any]]]) -> None:
    """At a wrong address another program often answers."""
    url, _ = llm
    with pytest.raises(WriterError, match="gave no answer: "):
        run_paper([POST], PAPER, f"{url}/wrong")
    with pytest.raises(WriterError, match="gave an answer of another form"):
        run_paper([POST], PAPER, f"{url}/odd")


def test_rows_are_found_by_name() -> None:
    """A mistyped row is refused with the names of all rows; no name means all rows."""
    assert [setting.name for setting in find_rows(["ours", "n=4"])] == ["ours", "n=4"]
    assert find_rows([]) == list(ROWS)
    with pytest.raises(RecipeError, match="n=9"):
        find_rows(["n=9"])
