"""Networks on sequences (N, L, C): recurrent ones and a convolutional one."""

import torch
from torch import nn


class LstmClassifier(nn.Module):
    """Two layers, the last state classified. Hochreiter and Schmidhuber, 1997."""

    def __init__(self, channels=5, width=10, classes=4):
        super().__init__()
        self.lstm = nn.LSTM(channels, width, num_layers=2, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, sequence):
        return self.head(self.lstm(sequence)[0][:, -1])


class GruTagger(nn.Module):
    """Both directions, a score at every step. Cho et al., 2014."""

    def __init__(self, channels=5, width=8, classes=4):
        super().__init__()
        self.gru = nn.GRU(channels, width, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, sequence):
        return self.head(self.gru(sequence)[0])


class RnnEncoder(nn.Module):
    """Plain recurrence in both directions; the final states. Elman, 1990."""

    def __init__(self, channels=5, width=8):
        super().__init__()
        self.rnn = nn.RNN(channels, width, batch_first=True, bidirectional=True)

    def forward(self, sequence):
        return self.rnn(sequence)[1].transpose(0, 1).flatten(1)


class WeightNormConv1d(nn.Conv1d):
    """Filters as direction and length. Salimans and Kingma, 2016."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.length = nn.Parameter(self.weight.detach().flatten(1).norm(dim=1).view(-1, 1, 1) * 1.5)

    def forward(self, x):
        weight = self.length * self.weight / self.weight.flatten(1).norm(dim=1).view(-1, 1, 1)
        return nn.functional.conv1d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class WaveNet(nn.Module):
    """Causal dilated convolutions with gates. van den Oord et al., 2016."""

    def __init__(self, channels=3, width=8):
        super().__init__()
        self.stem = nn.Conv1d(channels, width, 1)
        self.dilations = (1, 2, 4)
        self.gates = nn.ModuleList(WeightNormConv1d(width, 2 * width, 2, dilation=d) for d in self.dilations)
        self.outs = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in self.dilations)
        self.head = nn.Sequential(nn.Softplus(), nn.Conv1d(width, channels, 1))

    def forward(self, sequence):
        h, skips = self.stem(sequence), 0
        for dilation, gate, out in zip(self.dilations, self.gates, self.outs):
            a, b = gate(nn.functional.pad(h, (dilation, 0))).chunk(2, 1)
            step = out(torch.tanh(a) * torch.sigmoid(b))
            h, skips = h + step, skips + step
        return self.head(skips)
