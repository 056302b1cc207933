import pytest

from training.alert_eval.gold_posts import GoldPost
from training.alert_eval.listed_alerts import AlertPair, WrongAlert
from training.alert_eval.rows import PostResult
from training.alert_eval.scores.describe import describe
from training.alert_eval.scores.pleas import is_plea, score_pleas
from training.alert_eval.scores.truth import is_right, score_truth, states_denied, wrong_matches

NONE = PostResult("x", None, None, "none_selected", 10, 0.5)


def alert(theme: str, entity: str) -> PostResult:
    return PostResult("x", theme, entity, "alert", 10, 0.5)


def post(
    *pairs: tuple[str, str], wrong: tuple[WrongAlert, ...] = (), are_paired: bool = True, source: str = ""
) -> GoldPost:
    """A post with these acceptable alerts, and none due if there are none."""
    return GoldPost(
        id="x",
        text="a text",
        is_alertable=bool(pairs),
        reason=None if pairs else "no_event",
        entities=tuple(dict.fromkeys(entity for _, entity in pairs)),
        themes=tuple(dict.fromkeys(theme for theme, _ in pairs)),
        sentiment="neutral",
        source=source,
        pairs=tuple(AlertPair(*pair) for pair in pairs) if are_paired else (),
        wrong=wrong,
    )


DENIAL = post(
    ("Explosion denied", "Corvex"),
    ("False alarm", "Corvex"),
    wrong=(WrongAlert("Plant explosion", "Corvex", "denied"), WrongAlert("Lawsuit", "Corvex", "not_said")),
)
NOT_DUE = post(wrong=(WrongAlert("Flood", "Alma", "figurative"),))
PLEA = post(("Rescue request", "Weir Lane"), ("Flooding", "Weir Lane"))


@pytest.mark.parametrize(
    ("theme", "is_denied"),
    [
        ("Plant explosion", True),
        ("Explosion", True),
        ("Gas explosions", True),
        ("Explosion denied", False),
        ("Blast explosion denied", False),
        ("False alarm", False),
        ("Lawsuit", False),
        ("Fire", False),
    ],
)
def test_a_denial_is_alerted_as_fact_if_the_denied_alert_is_nearer(theme: str, is_denied: bool) -> None:
    """All explosions share their head word: "Explosion" states what "Explosion denied" takes back."""
    assert states_denied(DENIAL, alert(theme, "Corvex")) is is_denied
    assert not states_denied(DENIAL, alert(theme, "Tolsburg"))


def test_a_right_alert_wins_a_tie() -> None:
    """If a theme is as near to a right alert as to a wrong one, it is right."""
    both = post(("Road closure", "Alma"), wrong=(WrongAlert("Street closure", "Alma", "not_said"),))
    assert wrong_matches(both, alert("Closure", "Alma")) == []
    assert is_right(both, alert("Closure", "Alma"))
    assert wrong_matches(both, alert("Street closure", "Alma")) == [both.wrong[0]]


def test_pairs_tell_whose_event_it_is() -> None:
    """The loser's win is wrong though its theme and its entity are acceptable, each in another alert."""
    match = post(
        ("Chess win", "Malpas"),
        ("Chess loss", "Whitby"),
        wrong=(WrongAlert("Chess win", "Whitby", "wrong_subject"),),
    )
    assert not is_right(match, alert("Chess win", "Whitby"))
    assert is_right(match, alert("Chess win", "Malpas"))
    scores = score_truth([(match, alert("Chess win", "Malpas")), (match, alert("Chess win", "Whitby"))])
    assert (scores["right_pair"], scores["false_share"]) == (0.5, 0.5)


def test_a_cross_of_two_pairs_is_no_right_pair() -> None:
    """The looser `right alert` accepts it, the pair does not."""
    two = post(("Flood", "Alma"), ("Strike", "Tolsburg"))
    assert is_right(two, alert("Strike", "Alma"))
    assert score_truth([(two, alert("Strike", "Alma"))])["right_pair"] == 0.0
    assert score_truth([(two, alert("Transport strikes", "Tolsburg")), (two, NONE)])["right_pair"] == 0.5


def test_a_wrong_theme_without_an_entity_is_wrong_of_every_entity() -> None:
    """Gold files may list themes alone; without a reason nothing is known about denials."""
    gold = post(("Fire ban", "Alma"), wrong=(WrongAlert("Wildfire"),), are_paired=False)
    scores = score_truth([(gold, alert("Wildfire", "Anywhere")), (gold, alert("Fire ban", "Alma"))])
    assert (scores["false_share"], scores["listed_wrong_share"]) == (0.5, 0.5)
    assert (scores["denied_share"], scores["num_denials"], scores["right_pair"]) == (None, 0, None)


def test_shares_of_false_alerts_are_of_the_published_ones() -> None:
    """Of five alerts two are listed as wrong and two are due none, one of them both; one is right, one unlisted."""
    scores = score_truth(
        [
            (DENIAL, alert("Plant explosion", "Corvex")),
            (NOT_DUE, alert("Flood", "Alma")),
            (NOT_DUE, alert("Storm", "Alma")),
            (PLEA, alert("Rescue request", "Weir Lane")),
            (PLEA, alert("Traffic jam", "Weir Lane")),
            (DENIAL, NONE),
            (NOT_DUE, NONE),
        ]
    )
    expected = {
        "false_share": 0.6,
        "listed_wrong_share": 0.4,
        "undue_share": 0.4,
        "unlisted_share": 0.2,
        "denied_share": 0.5,
        "num_denials": 2,
        "right_pair": 0.25,
    }
    assert scores == expected


def test_nothing_to_count_is_not_a_zero() -> None:
    """Without alerts, denials or wrong alerts there is no share, good or bad."""
    scores = score_truth([(PLEA, NONE)])
    nothing = ("false_share", "listed_wrong_share", "undue_share", "unlisted_share", "denied_share")
    assert [scores[name] for name in nothing] == [None] * len(nothing)
    assert score_truth([(PLEA, alert("Flooding", "Weir Lane"))])["listed_wrong_share"] is None
    assert score_pleas([(DENIAL, NONE)]) == {"plea_recall": None, "plea_alerted": None, "num_pleas": 0}


def test_a_date_is_never_a_right_theme() -> None:
    """ "3 requests" shares its head with an acceptable theme."""
    assert not is_right(PLEA, alert("3 requests", "Weir Lane"))


def test_pleas_count_as_recalled_only_by_the_right_alert() -> None:
    """One right alert, one of a wrong event, one of a wrong place, one declined."""
    results = [
        alert("Rescue request", "Weir Lane"),
        alert("Concert", "Weir Lane"),
        alert("Rescue request", "Tolsburg"),
        NONE,
    ]
    scores = score_pleas([(PLEA, result) for result in results] + [(DENIAL, NONE)])
    assert scores == {"plea_recall": 0.25, "plea_alerted": 0.75, "num_pleas": 4}


@pytest.mark.parametrize(
    "theme",
    [
        "Rescue request",
        "Warm shelter request",
        "Rescue call",
        "Welfare check",
        "Insulin needed",
        "Rescue help needed",
        "Residents trapped",
        "Trapped in lift",
        "Stuck upstairs",
        "Ferry stranded",
        "Missing person",
        "Missing fisherman",
        "Contact lost",
        "Resident at risk",
    ],
)
def test_a_plea_is_known_by_an_acceptable_theme(theme: str) -> None:
    """These are themes that annotators gave to posts of people in need."""
    assert is_plea(post(("Flood", "Alma"), (theme, "Alma")))
    assert not is_plea(post((theme, "Alma"), source="airline"))


@pytest.mark.parametrize(
    "theme",
    [
        "Volunteers needed",
        "Recovery help needed",
        "Donation appeal",
        "People missing",
        "Missing lounge",
        "Rescue mission",
        "Evacuation call",
        "Feature request",
        "Trapped residents",
        "Whale stranding",
    ],
)
def test_news_and_appeals_for_gifts_are_no_pleas(theme: str) -> None:
    """They tell of need, but nobody waits for the reader."""
    assert not is_plea(post((theme, "Alma")))


@pytest.mark.parametrize(
    ("given", "result", "verdict"),
    [
        (DENIAL, alert("Plant explosion", "Corvex"), "false"),
        (NOT_DUE, alert("Storm", "Alma"), "false"),
        (DENIAL, alert("False alarm", "Corvex"), "right"),
        (DENIAL, alert("Traffic jam", "Corvex"), "unlisted"),
        (DENIAL, NONE, "missed"),
        (NOT_DUE, NONE, "abstained"),
    ],
)
def test_the_log_of_outcomes_has_a_verdict(given: GoldPost, result: PostResult, verdict: str) -> None:
    """Every post has one of five, whatever became of it."""
    assert describe(given, result)["verdict"] == verdict


def test_the_log_of_outcomes_names_the_wrong_alert() -> None:
    """A reader of failures sees what was matched and why it is wrong."""
    [wrong] = DENIAL.wrong[:1]
    found = describe(DENIAL, alert("Explosion", "Corvex"))
    assert found["wrong"] == [{"theme": wrong.theme, "entity": wrong.entity, "why": "denied"}]
    assert (found["is_plea"], describe(PLEA, NONE)["is_plea"]) == (False, True)
