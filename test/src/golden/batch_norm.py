"""Makes batch-norm.json: a recurrent-batch-norm LSTM and RNN language model in PyTorch, double precision.

Normalisation is torch.nn.functional.batch_norm, each time step apart, with batch statistics (training) and with given
population statistics (evaluation).
Run: python3 test/src/golden/batch_norm.py > test/src/golden/batch-norm.json   (made with PyTorch 1.13)
"""
import json

import torch
from torch.nn.functional import batch_norm, cross_entropy

torch.set_default_dtype(torch.float64)
V, H, T, B = 6, 3, 4, 5


def flat(x):
    return [round(v, 12) for v in x.detach().reshape(-1).tolist()]


def run(kind, p, inputs, targets, population=None):
    """NLL, and the batch mean and biased variance of each normalised quantity and step."""
    h, c = torch.zeros(B, H), torch.zeros(B, H)
    seen, nll = {}, 0

    def bn(name, t, x, scale, shift=None):
        if population is None:
            seen[f"{name}-0/0/{t}"] = torch.stack([x.mean(0), x.var(0, unbiased=False)])
            return batch_norm(x, None, None, scale, shift, training=True, eps=1e-5)
        mean, variance = population[f"{name}-0/0/{t}"]
        return batch_norm(x, mean, variance, scale, shift, training=False, eps=1e-5)

    for t in range(T):
        a = bn("input", t, p["embedding"][inputs[t]] @ p["layer-0/input"], p["batch-norm-lstm/gamma-input-0"])
        a = a + bn("recurrent", t, h @ p["layer-0/recurrent"], p["batch-norm-lstm/gamma-recurrent-0"]) + p["layer-0/bias"]
        if kind == "lstm":
            i, f, g, o = a.chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            read = bn("readout", t, c, p["batch-norm-lstm/gamma-readout-0"], p["batch-norm-lstm/beta-readout-0"])
            h = torch.sigmoid(o) * torch.tanh(read)
        else:
            h = torch.tanh(a)
        nll = nll + cross_entropy(h @ p["embedding"].T + p["output/bias"], targets[t], reduction="sum")
    return nll, seen


def case(kind):
    torch.manual_seed(2)
    G = 4 if kind == "lstm" else 1
    shapes = {"embedding": (V, H), "layer-0/input": (H, G * H), "layer-0/recurrent": (H, G * H), "layer-0/bias": (G * H,),
              "output/bias": (V,)}
    p = {k: (torch.randn(s) * 0.6).requires_grad_() for k, s in shapes.items()}
    scales = {"gamma-input-0": G * H, "gamma-recurrent-0": G * H}
    if kind == "lstm":
        scales.update({"gamma-readout-0": H, "beta-readout-0": H})
    for name, size in scales.items():
        p["batch-norm-lstm/" + name] = (torch.rand(size) * 0.5 + 0.1).requires_grad_()
    inputs, targets = torch.randint(V, (T, B)), torch.randint(V, (T, B))
    nll, seen = run(kind, p, inputs, targets)
    nll.backward()
    population = {k: v.detach() + torch.rand(v.shape) * 0.1 for k, v in seen.items()}
    evaluated, _ = run(kind, p, inputs, targets, population)
    return {
        "cell": kind, "sizes": {"V": V, "H": H, "T": T, "B": B},
        "inputs": inputs.reshape(-1).tolist(), "targets": targets.reshape(-1).tolist(),
        "weights": {k: flat(v) for k, v in p.items()}, "gradients": {k: flat(v.grad) for k, v in p.items()},
        "nll": nll.item(), "seen": {k: flat(v) for k, v in seen.items()},
        "population": {k: flat(v) for k, v in population.items()}, "evaluated": evaluated.item(),
    }


made = {"made": "test/src/golden/batch_norm.py with PyTorch " + torch.__version__}
print(json.dumps({**made, "cases": [case("lstm"), case("rnn")]}))
