"""Linear-chain conditional random field over tags (Lafferty et al. 2001)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.spans import is_continuation, may_follow
from models.tag_decoder import PathConfidence

FORBIDDEN = -1e4
"""Score of a transition that the scheme forbids: no probability, yet a finite loss where data have it."""


class Crf(nn.Module):
    """Scores paths: s(y) = start[y_1] + sum of scores[t, y_t] + sum of transitions[y_t-1, y_t] + end[y_T].

    The loss is normalised per token: a sum over a sentence would drown the sentiment loss, which is why the
    paper gave up on the CRF. See `TagDecoder` for shapes.
    """

    continues: Tensor
    forbidden: Tensor
    forbidden_start: Tensor
    forbidden_end: Tensor

    def __init__(self, tags: Sequence[str], scheme: str) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(len(tags), len(tags)))
        self.start = nn.Parameter(torch.zeros(len(tags)))
        self.end = nn.Parameter(torch.zeros(len(tags)))
        rules = {
            "continues": [[is_continuation(before, tag) for tag in tags] for before in tags],
            "forbidden": [[not may_follow(before, tag, scheme) for tag in tags] for before in tags],
            "forbidden_start": [not may_follow("O", tag, scheme) for tag in tags],
            "forbidden_end": [not may_follow(tag, "O", scheme) for tag in tags],
        }
        for name, rule in rules.items():
            self.register_buffer(name, torch.tensor(rule), persistent=False)

    def loss(self, scores: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        return (self._log_partition(scores, mask) - self._path_scores(scores, tags, mask)).sum() / mask.sum()

    @torch.no_grad()
    def decode(self, scores: Tensor, mask: Tensor) -> Tensor:
        """The Viterbi path; never one that the scheme forbids."""
        best, transitions = scores[:, 0] + self._start, self._transitions
        stay = torch.arange(scores.shape[2], device=scores.device).expand_as(best)
        pointers = []
        for t in range(1, scores.shape[1]):
            value, pointer = (best[:, :, None] + transitions).max(dim=1)
            best = torch.where(mask[:, t, None], value + scores[:, t], best)
            # On padding every tag points to itself, so the last real tag travels to the end of the row.
            pointers.append(torch.where(mask[:, t, None], pointer, stay))
        tag = (best + self._end).argmax(dim=1, keepdim=True)
        path = [tag]
        for pointer in reversed(pointers):
            tag = pointer.gather(1, tag)
            path.append(tag)
        return torch.cat(path[::-1], dim=1) * mask

    @torch.no_grad()
    def confidence(self, scores: Tensor, mask: Tensor, paths: Tensor) -> PathConfidence:
        """Exact posteriors; probabilities normalised at each step are cheaper here than logarithms."""
        weights = (scores - scores.amax(dim=2, keepdim=True)).double().exp()
        moves = self._transitions.double().exp()
        before = _sweep(weights, mask, self._start.double().exp(), moves)
        after = self._after(weights, mask, moves)
        marginal = (before * after).gather(2, paths[..., None]).squeeze(2) / (before * after).sum(dim=2)
        # P(y_t+1 = k | y_t) for the tag y_t of the path and every k.
        following = moves[paths[:, :-1]] * weights[:, 1:] * after[:, 1:]
        following = following / following.sum(dim=2, keepdim=True)
        go_on = following.gather(2, paths[:, 1:, None]).squeeze(2).log()
        continuing = (following * self.continues[paths[:, :-1]] * mask[:, 1:, None]).sum(dim=-1)
        end = torch.log1p(-continuing.clamp(max=1))
        return PathConfidence(begin=marginal.log(), go_on=F.pad(go_on, (1, 0)), end=F.pad(end, (0, 1)))

    def _after(self, weights: Tensor, mask: Tensor, moves: Tensor) -> Tensor:
        """(B, T, K) what comes after tag k at t, up to a factor a token."""
        last = self._end.double().exp().expand_as(weights[:, 0])
        steps = [last]
        for t in range(weights.shape[1] - 1, 0, -1):
            value = (steps[-1] * weights[:, t]) @ moves.T
            steps.append(torch.where(mask[:, t, None], value / value.sum(dim=1, keepdim=True), last))
        return torch.stack(steps[::-1], dim=1)

    @property
    def _transitions(self) -> Tensor:
        return self.transitions.masked_fill(self.forbidden, FORBIDDEN)

    @property
    def _start(self) -> Tensor:
        return self.start.masked_fill(self.forbidden_start, FORBIDDEN)

    @property
    def _end(self) -> Tensor:
        return self.end.masked_fill(self.forbidden_end, FORBIDDEN)

    def _path_scores(self, scores: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        emitted = (scores.gather(2, tags[..., None]).squeeze(2) * mask).sum(dim=1)
        moved = (self._transitions[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]).sum(dim=1)
        last = tags.gather(1, mask.sum(dim=1, keepdim=True) - 1).squeeze(1)
        return self._start[tags[:, 0]] + emitted + moved + self._end[last]

    def _log_partition(self, scores: Tensor, mask: Tensor) -> Tensor:
        """(B,) logarithm of the sum over all paths, by the forward algorithm."""
        transitions = self._transitions
        total = scores[:, 0] + self._start
        for t in range(1, scores.shape[1]):
            value = torch.logsumexp(total[:, :, None] + transitions, dim=1) + scores[:, t]
            total = torch.where(mask[:, t, None], value, total)
        return torch.logsumexp(total + self._end, dim=1)


def _sweep(weights: Tensor, mask: Tensor, start: Tensor, moves: Tensor) -> Tensor:
    """(B, T, K) what comes up to and including tag k at t, up to a factor a token; carried on over padding."""
    steps = [weights[:, 0] * start]
    for t in range(1, weights.shape[1]):
        value = (steps[-1] @ moves) * weights[:, t]
        steps.append(torch.where(mask[:, t, None], value / value.sum(dim=1, keepdim=True), steps[-1]))
    return torch.stack(steps, dim=1)
