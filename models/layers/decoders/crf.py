"""Linear-chain conditional random field over tags (Lafferty et al. 2001)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers.decoders.tag_decoder import PathConfidence
from models.text.spans import is_continuation, may_follow

FORBIDDEN = -1e4
"""Score of a transition that the scheme forbids: its probability is 0, but the loss stays finite if data contain it."""


class Crf(nn.Module):
    """Scores paths: s(y) = start[y_1] + sum of scores[t, y_t] + sum of transitions[y_t-1, y_t] + end[y_T].

    The loss is a mean over tokens. A sum over a sentence would be far larger than the sentiment loss; this is why the
    paper uses no CRF. `TagDecoder` gives the shapes.
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
        """Return the Viterbi path, (B, T); the scheme always allows it."""
        # Tags are the first axis and sentences the last: to reduce over a leading axis is up to three times faster.
        emitted, moves = scores.permute(1, 2, 0).contiguous(), self._transitions[..., None]
        values = [emitted[0] + self._start[:, None]]
        for t in range(1, len(emitted)):
            values.append((values[-1][:, None] + moves).amax(dim=0).add_(emitted[t]))
        by_step = torch.stack(values).transpose(1, 2).contiguous()
        last = mask.sum(dim=1) - 1
        tag = (by_step[last, torch.arange(len(last), device=last.device)] + self._end).argmax(dim=1)
        path, into = [tag], self._transitions.T.contiguous()
        # Predecessors are computed for the tags of the path only. On padding the tag stays that of the last real token.
        for t in range(len(emitted) - 2, -1, -1):
            tag = torch.where(mask[:, t + 1], (by_step[t] + into.index_select(0, tag)).argmax(dim=1), tag)
            path.append(tag)
        return torch.stack(path[::-1], dim=1) * mask

    @torch.no_grad()
    def confidence(self, scores: Tensor, mask: Tensor, paths: Tensor) -> PathConfidence:
        """Return exact posteriors; to normalise probabilities at each step is cheaper here than to use logarithms."""
        weights = (scores - scores.amax(dim=2, keepdim=True)).double().exp()
        moves = self._transitions.double().exp()
        before, onward = self._sweep_both_ways(weights, mask, moves)
        end = self._end.double().exp()
        has_next = F.pad(mask[:, 1:], (0, 1))[..., None]
        after = torch.where(has_next, F.pad(onward[:, 1:] @ moves.T, (0, 0, 0, 1)), end)
        marginal = (before * after).gather(2, paths[..., None]).squeeze(2) / (before * after).sum(dim=2)
        # P(y_t+1 = k | y_t) for the tag y_t of the path and every k.
        following = moves[paths[:, :-1]] * onward[:, 1:]
        following = following / following.sum(dim=2, keepdim=True)
        go_on = following.gather(2, paths[:, 1:, None]).squeeze(2).log()
        continuing = (following * self.continues[paths[:, :-1]]).sum(dim=-1).masked_fill(~mask[:, 1:], 0)
        stop = torch.log1p(-continuing.clamp(max=1))
        return PathConfidence(begin=marginal.log(), go_on=F.pad(go_on, (1, 0)), end=F.pad(stop, (0, 1)))

    def _sweep_both_ways(self, weights: Tensor, mask: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """Return the forward and the backward mass of tag k at t, each (B, T, K), up to a factor for each token.

        Both contain the weight of the tag itself. Each sentence is reversed within its own length, so that one loop
        computes both directions and need not know the padding.
        """
        steps = torch.arange(mask.shape[1], device=mask.device)
        reversed_steps = (mask.sum(dim=1, keepdim=True) - 1 - steps).clamp(min=0)
        both = torch.stack([weights, _at(weights, reversed_steps)])
        first = torch.stack([self._start, self._end]).double().exp()[:, None]
        matrices = torch.stack([moves, moves.T])
        mass = [both[:, :, 0] * first]
        for t in range(1, mask.shape[1]):
            value = torch.bmm(mass[-1], matrices).mul_(both[:, :, t])
            mass.append(value.div_(value.sum(dim=2, keepdim=True)))
        before, onward = torch.stack(mass, dim=2)
        return before, _at(onward, reversed_steps)

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
        """Return the (B,) logarithms of the sum over all paths, by the forward algorithm."""
        transitions = self._transitions
        total = scores[:, 0] + self._start
        for t in range(1, scores.shape[1]):
            value = torch.logsumexp(total[:, :, None] + transitions, dim=1) + scores[:, t]
            total = torch.where(mask[:, t, None], value, total)
        return torch.logsumexp(total + self._end, dim=1)


def _at(values: Tensor, steps: Tensor) -> Tensor:
    """Return the (B, S, K) rows of (B, T, K) values at the (B, S) steps of each sentence."""
    return values.gather(1, steps[..., None].expand(-1, -1, values.shape[2]))
