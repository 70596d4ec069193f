"""The benchmark's models in PyTorch.

Plain recurrences run torch's fused nn.LSTM, nn.GRU, nn.RNN. What these have no place for is written op by op: noise on the
state, batch normalisation inside the recurrence, fast dropout. There the input product of all steps is one product, and a
step's product and sum one addmm. Noise on the state is also there as it is commonly written, with nn.LSTMCell.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Language(nn.Module):
    """Two-layer LSTM language model; variants plain, dropout, noisin."""

    def __init__(self, spec):
        super().__init__()
        hidden = spec['hidden']
        self.variant = spec['variant']
        self.embedding = nn.Embedding(spec['inputs'], hidden)
        self.layers = nn.ModuleList(nn.LSTM(hidden, hidden) for _ in range(spec['layers']))
        self.output = nn.Linear(hidden, spec['outputs'])
        self.state = [[torch.zeros(spec['batch'], hidden)] * 2 for _ in self.layers]

    def loss(self, tokens, targets):
        drop = self.variant == 'dropout'
        x = self.embedding(tokens)
        if drop:
            x = F.dropout(x, 0.5)
        for index, layer in enumerate(self.layers):
            h, c = self.state[index]
            if self.variant == 'noisin':
                x, h, c = noisy_lstm(layer, x, h, c)
            else:
                x, (h, c) = layer(x, (h.unsqueeze(0), c.unsqueeze(0)))
                h, c = h[0], c[0]
            self.state[index] = [h.detach(), c.detach()]
            if drop:
                x = F.dropout(x, 0.5 if index == len(self.layers) - 1 else 0.4)
        return F.cross_entropy(self.output(x).flatten(0, 1), targets.flatten(), reduction='sum')


class CellLanguage(nn.Module):
    """Language with NOISIN, written as one writes it first: a loop over nn.LSTMCell, all layers of a step after each other."""

    def __init__(self, spec):
        super().__init__()
        hidden = spec['hidden']
        self.embedding = nn.Embedding(spec['inputs'], hidden)
        self.cells = nn.ModuleList(nn.LSTMCell(hidden, hidden) for _ in range(spec['layers']))
        self.output = nn.Linear(hidden, spec['outputs'])
        self.state = [(torch.zeros(spec['batch'], hidden),) * 2 for _ in self.cells]

    def loss(self, tokens, targets):
        embedded = self.embedding(tokens)
        state = list(self.state)
        outputs = []
        for t in range(len(tokens)):
            x = embedded[t]
            for index, cell in enumerate(self.cells):
                h, c = cell(x, state[index])
                x = h * (1 + torch.randn_like(h))
                state[index] = (x, c)
            outputs.append(x)
        self.state = [(h.detach(), c.detach()) for h, c in state]
        return F.cross_entropy(self.output(torch.stack(outputs)).flatten(0, 1), targets.flatten(), reduction='sum')


def noisy_lstm(layer, x, h, c):
    products = x @ layer.weight_ih_l0.t() + (layer.bias_ih_l0 + layer.bias_hh_l0)
    noise = 1 + torch.randn_like(x)
    recurrent = layer.weight_hh_l0.t()
    states = []
    # unbind: the backward pass of products[t] would fill a zero tensor of all steps at each.
    for product, factor in zip(products.unbind(0), noise.unbind(0)):
        i, f, g, o = torch.addmm(product, h, recurrent).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c) * factor
        states.append(h)
    return torch.stack(states), h, c


class Music(nn.Module):
    """nn.GRU or nn.RNN over note vectors, independent Bernoulli outputs."""

    def __init__(self, spec):
        super().__init__()
        cell = {'gru': nn.GRU, 'rnn': nn.RNN}[spec['cell']]
        self.layer = cell(spec['inputs'], spec['hidden'])
        self.output = nn.Linear(spec['hidden'], spec['outputs'])

    def loss(self, frames, targets):
        hidden, _ = self.layer(frames)
        return F.binary_cross_entropy_with_logits(self.output(hidden), targets, reduction='sum')


class FastDropout(nn.Module):
    """tanh RNN that propagates mean and variance (Wang and Manning 2013, closed form), Bernoulli outputs."""

    keep = 0.8

    def __init__(self, spec):
        super().__init__()
        hidden, inputs, outputs = spec['hidden'], spec['inputs'], spec['outputs']
        self.input = nn.Parameter(torch.empty(inputs, hidden))
        self.recurrent = nn.Parameter(torch.empty(hidden, hidden))
        self.bias = nn.Parameter(torch.empty(hidden))
        self.weight = nn.Parameter(torch.empty(hidden, outputs))
        self.output_bias = nn.Parameter(torch.empty(outputs))

    def dropped(self, mean, variance=None):
        q = self.keep
        of_mask = q * (1 - q) * mean * mean
        return q * mean, of_mask if variance is None else q * variance + of_mask

    def loss(self, frames, targets):
        mean, variance = self.dropped(frames)
        products = mean @ self.input + self.bias
        spreads = variance @ self.input.square()
        recurrent, squared = self.recurrent, self.recurrent.square()
        h = frames.new_zeros(frames.shape[1], recurrent.shape[0])
        s = torch.zeros_like(h)
        means, variances = [], []
        for product, spread in zip(products.unbind(0), spreads.unbind(0)):
            mean, variance = self.dropped(h, s)
            h, s = tanh_moments(torch.addmm(product, mean, recurrent), torch.addmm(spread, variance, squared))
            means.append(h)
            variances.append(s)
        mean, variance = self.dropped(torch.stack(means), torch.stack(variances))
        eta = mean @ self.weight + self.output_bias
        eta = eta / torch.sqrt(1 + math.pi / 8 * (variance @ self.weight.square()))
        return F.binary_cross_entropy_with_logits(eta, targets, reduction='sum')


def tanh_moments(mean, variance):
    """tanh(a) = 2 sigmoid(2 a) - 1."""
    alpha, beta = 4 - 2 * math.sqrt(2), -math.log(math.sqrt(2) - 1)
    mean, variance = 2 * mean, 4 * variance
    first = torch.sigmoid(mean / torch.sqrt(1 + math.pi / 8 * variance))
    second = torch.sigmoid(alpha * (mean - beta) / torch.sqrt(1 + math.pi / 8 * alpha**2 * variance))
    return 2 * first - 1, 4 * torch.relu(second - first * first)


class BatchNormLstm(nn.Module):
    """Cooijmans et al. 2016, equations 6-8, statistics of the minibatch at each step; one class from the last state."""

    def __init__(self, spec):
        super().__init__()
        hidden, inputs = spec['hidden'], spec['inputs']
        self.input = nn.Parameter(torch.empty(inputs, 4 * hidden))
        self.recurrent = nn.Parameter(torch.empty(hidden, 4 * hidden))
        self.bias = nn.Parameter(torch.empty(4 * hidden))
        self.gamma_input = nn.Parameter(torch.empty(4 * hidden))
        self.gamma_recurrent = nn.Parameter(torch.empty(4 * hidden))
        self.gamma_readout = nn.Parameter(torch.empty(hidden))
        self.beta_readout = nn.Parameter(torch.empty(hidden))
        self.output = nn.Linear(hidden, spec['outputs'])

    def loss(self, frames, labels):
        def norm(x, gamma, beta=None):
            return F.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-5)

        products = frames @ self.input
        h = frames.new_zeros(frames.shape[1], self.recurrent.shape[0])
        c = torch.zeros_like(h)
        for product in products.unbind(0):
            # The bias is the beta of the input's normalisation, which spares a sum.
            gates = norm(h @ self.recurrent, self.gamma_recurrent) + norm(product, self.gamma_input, self.bias)
            i, f, g, o = gates.chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(norm(c, self.gamma_readout, self.beta_readout))
        return F.cross_entropy(self.output(h), labels, reduction='sum')


def build(spec):
    if spec['task'] == 'language':
        if spec['variant'] not in ('plain', 'dropout', 'noisin'):
            raise ValueError(f"no PyTorch program for {spec['variant']}")
        if spec.get('program') == 'cells':
            if spec['variant'] != 'noisin':
                raise ValueError(f"nn.LSTMCell: only NOISIN is written with it, not {spec['variant']}")
            return CellLanguage(spec)
        return Language(spec)
    if spec['task'] == 'digits':
        return BatchNormLstm(spec)
    return FastDropout(spec) if spec['cell'] == 'fast-dropout' else Music(spec)


class Workload:
    """Forward, backward, clip, SGD."""

    def __init__(self, spec):
        torch.manual_seed(1)
        self.model = build(spec)
        for parameter in self.model.parameters():
            nn.init.uniform_(parameter, -0.05, 0.05)
        steps, self.batch = spec['steps'], spec['batch']
        if spec['task'] == 'language':
            self.inputs, self.targets = torch.randint(spec['inputs'], (2, steps, self.batch))
        elif spec['task'] == 'digits':
            self.inputs = torch.rand(steps, self.batch, spec['inputs'])
            self.targets = torch.randint(spec['outputs'], (self.batch,))
        else:
            self.inputs, self.targets = (torch.rand(2, steps, self.batch, spec['inputs']) < 0.04).float()

    def step(self):
        loss = self.model.loss(self.inputs, self.targets) / self.batch
        self.model.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 5)
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter -= 0.1 * parameter.grad
        return float(loss), float(norm)
