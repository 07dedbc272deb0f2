"""Models as users write them, for the tests of ``reference``."""

from collections import namedtuple
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


class Plain(nn.Module):
    """Convolution, normalisation and an activation in place, twice, with a residual; the second time through the same block."""

    def __init__(self, width=3, classes=2):
        super().__init__()
        self.first = nn.Conv2d(2, width, 1)
        self.block = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.drop = nn.Dropout()
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        h = self.first(x)
        return self.head(self.drop(h + self.block(h + self.block(h))))


class Translator(nn.Module):
    """Whole-number tokens, an optional mask behind a parameter that is not given, and a dictionary of outputs with lists."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 4)
        self.rnn = nn.LSTM(4, 3, batch_first=True)

    def forward(self, tokens, past=None, weight=None, scale=1.0):
        assert past is None
        h, (last, _) = self.rnn(self.embed(tokens))
        h = h if weight is None else h * weight[..., None]
        return {"states": h, "parts": [h[:, 0] * scale, last], "past": None, "count": 7}


Scores = namedtuple("Scores", "logits labels")


@dataclass
class Answer:
    """What some libraries return."""

    loss: torch.Tensor
    logits: torch.Tensor


class Labels(nn.Module):
    """Scores, whose labels cannot be differentiated, and one output that no gradient reaches."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        y = self.linear(x)
        return Scores(y, y.argmax(1)), (y > 0).float()


class Threshold(nn.Module):
    def forward(self, x):
        return (x > 0).int()


class Dataclass(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        y = self.linear(x)
        return Answer(y.pow(2).mean(), y)


class SinglePrecision(nn.Module):
    """Holds a tensor that is no buffer, so that the model cannot be run in float64."""

    def __init__(self):
        super().__init__()
        self.matrix = torch.randn(4, 4)

    def forward(self, x):
        return x @ self.matrix


class Random(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


class Detached(nn.Module):
    """Autograd's gradient is not the derivative."""

    def forward(self, x):
        return x * x.detach()


class Kinked(nn.Module):
    """Which side of its many kinks an input lies on is a matter of precision."""

    def forward(self, x):
        return (x * 1e7).sin()


class InPlace(nn.Module):
    """Changes what it is given."""

    def forward(self, x):
        x += 1
        return x * 2


class FixedBatch(nn.Module):
    def forward(self, x):
        return x.view(2, 6).sum(1)


class States(nn.Module):
    """The batch is the second axis of the states, and a convolution that is normalised is used as it is, too."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(2, 3, 1)
        self.norm = nn.BatchNorm1d(3)
        self.rnn = nn.GRU(3, 4, bidirectional=True, batch_first=True)

    def forward(self, x):
        h = self.conv(x)
        return self.rnn((h + self.norm(h)).transpose(1, 2))


class Branch(nn.Module):
    """Python code that looks at a value, which no trace can follow."""

    def forward(self, x):
        return x * 2 if x.sum() > 0 else x * 3


class Two(nn.Module):
    def forward(self, minuend, subtrahend):
        return minuend - 2 * subtrahend


class Attention(nn.Module):
    """The library's own attention: its parts are not called one by one."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.norm = nn.LayerNorm(4)

    def forward(self, x):
        return self.norm(x + self.attention(x, x, x, need_weights=False)[0])


class NoTensor(nn.Module):
    def forward(self, x):
        return 3


class NotExportable(nn.Module):
    def forward(self, x):
        return torch.linalg.svdvals(x)


class Broken(nn.Module):
    def forward(self, x):
        raise RuntimeError("sizes do not fit\nand more lines")


def make(kind="Plain", **options):
    """A function that builds a model."""
    return globals()[kind](**options)


def not_a_model():
    return {"a": 1}


ready = Two()
