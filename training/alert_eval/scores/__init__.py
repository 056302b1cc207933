"""The scores of one row: what it published, compared with what is acceptable and with what is wrong.

- `all_scores`: every score by name.
- `acceptable`: form, entity, theme, abstention, cost.
- `truth`: false alerts, denials alerted as fact, and whether one alert is right.
- `pleas`: pleas for help at a named place.
- `confidence`: calibration, and what is left at each threshold.
- `orders`: orders to the alert writer in a post.
- `describe`: what became of one post.
- `ratio`: shares and means.
"""
