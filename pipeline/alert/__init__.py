"""The second agent: annotated posts in, alerts or abstentions out.

A post goes its way in three stages, which `generator` runs one after the other:

1. sample: the LLM writes several samples of the form `theme: entity`. If the server can obey a grammar, it lets the LLM
   write only this form, and only entities of the post.
2. filter: each sample is checked against the `evidence`, which is the post's entities and its words. A sample that
   breaks none of the rules in `filters` becomes a candidate, and equal candidates are merged. If the LLM declines
   often or surely enough, the post gets no alert.
3. select: if there are several candidates, one of them is chosen. By default the LLM chooses, and may choose none.
   A judge can say how true each is by the post.

The chosen candidate is published as the post's alert. If there is none, an abstention says why.

- `agent`: records in, outcomes out.
- `generator`: the three stages.
- `grammar`: the grammar of an alert about one post.
- `evidence`: what samples are checked against.
- `filters`: the rules for which samples are rejected: a rule is added here.
- `grounds`: what a post says and orders, for the rules that need more than a comparison of words.
- `candidates`: the valid alerts among the samples, each listed once.
- `selection`: the methods that choose among candidates, and the judge.
- `outcome`: what is known while an alert is written, and the message at the end; also the alert without an LLM.
- `metrics`: what the agent counts.
- `build`: from settings to the agent's parts.
- `role`: from settings to the running agent.
"""
