"""Training steps of a two-layer LSTM language model in PyTorch, timed on request.

Reads lines `hidden steps batch vocabulary variant seconds` and answers each with one line of JSON. Variants: plain and
dropout run torch's fused nn.LSTM; noisin runs op by op, since the fused one has no place for noise on the state.
"""

import json
import os
import sys
import time

import torch
from torch import nn

torch.set_num_threads(1)  # BLAS has its own threads


class Model(nn.Module):
    def __init__(self, hidden, vocabulary, variant):
        super().__init__()
        self.variant = variant
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.layers = nn.ModuleList(nn.LSTM(hidden, hidden) for _ in range(2))
        self.output = nn.Linear(hidden, vocabulary)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.05, 0.05)

    def forward(self, tokens, state):
        drop = self.variant == 'dropout'
        x = self.embedding(tokens)
        if drop:
            x = nn.functional.dropout(x, 0.5)
        after = []
        for layer, rate in zip(self.layers, (0.4, 0.5)):
            h, c = state[len(after)]
            if self.variant == 'noisin':
                x, h, c = self.noisy(layer, x, h, c)
            else:
                x, (h, c) = layer(x, (h.unsqueeze(0), c.unsqueeze(0)))
                h, c = h[0], c[0]
            after.append((h.detach(), c.detach()))
            if drop:
                x = nn.functional.dropout(x, rate)
        return self.output(x), after

    def noisy(self, layer, x, h, c):
        products = x @ layer.weight_ih_l0.t() + (layer.bias_ih_l0 + layer.bias_hh_l0)
        noise = 1 + torch.randn_like(x)
        states = []
        for t in range(x.shape[0]):
            i, f, g, o = (products[t] + h @ layer.weight_hh_l0.t()).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c) * noise[t]
            states.append(h)
        return torch.stack(states), h, c


class Workload:
    def __init__(self, hidden, steps, batch, vocabulary, variant):
        torch.manual_seed(1)
        self.model = Model(hidden, vocabulary, variant)
        self.tokens = steps * batch
        self.batch = batch
        self.inputs, self.targets = torch.randint(vocabulary, (2, steps, batch))
        self.state = [(torch.zeros(batch, hidden), torch.zeros(batch, hidden)) for _ in range(2)]

    def step(self):
        logits, self.state = self.model(self.inputs, self.state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), self.targets.flatten(), reduction='sum') / self.batch
        self.model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5)
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter -= 0.1 * parameter.grad


def blas():
    """File names of the BLAS that this process has loaded: the reference one is tens of times slower than OpenBLAS."""
    torch.ones(2, 2) @ torch.ones(2, 2)
    try:
        with open('/proc/self/maps') as maps:
            paths = {os.path.realpath(line.split()[-1]) for line in maps if 'blas' in line}
    except OSError:
        return 'unknown BLAS'
    names = ', '.join(sorted(os.path.basename(path) for path in paths)) or 'built-in BLAS'
    reference = names.startswith('libblas.')
    if 'openblas' in names:
        reference = False  # libblas.so.3 is then only the alternative's name
    return f'{names} (the reference BLAS: slow, ratios mean little; install OpenBLAS)' if reference else names


workloads = {}
print(json.dumps({'version': f'{torch.__version__} with {blas()}'}), flush=True)
for line in sys.stdin:
    *key, seconds = line.split()
    key = tuple(key)
    if key not in workloads:
        workloads[key] = Workload(*map(int, key[:4]), key[4])
        workloads[key].step()
    start = time.perf_counter()
    count = 0
    while count == 0 or time.perf_counter() - start < float(seconds):
        workloads[key].step()
        count += 1
    elapsed = time.perf_counter() - start
    print(json.dumps({'tokensPerSecond': count * workloads[key].tokens / elapsed}), flush=True)
