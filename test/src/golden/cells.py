"""Makes cells.json: two-layer LSTM and GRU language models with NOISIN noise in PyTorch, double precision.

Run: python3 test/src/golden/cells.py > test/src/golden/cells.json   (made with PyTorch 1.13)
"""
import json

import torch

torch.set_default_dtype(torch.float64)
V, H, T, B, L = 6, 3, 4, 2, 2


def flat(x):
    return [round(v, 12) for v in x.detach().reshape(-1).tolist()]


def case(kind, injection):
    torch.manual_seed(1)
    make = torch.nn.LSTMCell if kind == "lstm" else torch.nn.GRUCell
    embedding = torch.nn.Parameter(torch.randn(V, H) * 0.5)
    bias = torch.nn.Parameter(torch.randn(V) * 0.1)
    cells = [make(H, H) for _ in range(L)]
    inputs, targets = torch.randint(V, (T, B)), torch.randint(V, (T, B))
    noise = torch.randn(L, T, B, H) * 0.6
    h = [torch.zeros(B, H) for _ in range(L)]
    c = [torch.zeros(B, H) for _ in range(L)]
    loss = 0
    for t in range(T):
        x = embedding[inputs[t]]
        for l, cell in enumerate(cells):
            if kind == "lstm":
                h[l], c[l] = cell(x, (h[l], c[l]))
            else:
                h[l] = cell(x, h[l])
            h[l] = h[l] * (1 + noise[l, t]) if injection == "multiplicative" else h[l] + noise[l, t]
            x = h[l]
        loss = loss + torch.nn.functional.cross_entropy(x @ embedding.T + bias, targets[t], reduction="sum")
    loss.backward()
    named = {"embedding": embedding, "output/bias": bias}
    weights = {k: flat(v) for k, v in named.items()}
    gradients = {k: flat(v.grad) for k, v in named.items()}
    for l, cell in enumerate(cells):
        pre = f"layer-{l}/"
        for ours, theirs in (("input", cell.weight_ih), ("recurrent", cell.weight_hh)):
            weights[pre + ours], gradients[pre + ours] = flat(theirs.T), flat(theirs.grad.T)
        if kind == "lstm":
            weights[pre + "bias"] = flat(cell.bias_ih + cell.bias_hh)
            gradients[pre + "bias"] = flat(cell.bias_ih.grad)
        else:
            mask = torch.cat([torch.ones(2 * H), torch.zeros(H)])
            weights[pre + "bias"] = flat(cell.bias_ih + mask * cell.bias_hh)
            gradients[pre + "bias"] = flat(cell.bias_ih.grad)
            weights[pre + "recurrent-bias"] = flat(cell.bias_hh[2 * H :])
            gradients[pre + "recurrent-bias"] = flat(cell.bias_hh.grad[2 * H :])
    return {
        "cell": kind, "injection": injection, "sizes": {"V": V, "H": H, "T": T, "B": B, "L": L},
        "inputs": inputs.reshape(-1).tolist(), "targets": targets.reshape(-1).tolist(), "noise": [flat(n) for n in noise],
        "weights": weights, "nll": loss.item(), "gradients": gradients, "hidden": [flat(x) for x in h],
    }


made = {"made": "test/src/golden/cells.py with PyTorch " + torch.__version__}
cases = [case(k, i) for k in ("lstm", "gru") for i in ("multiplicative", "additive")]
print(json.dumps({**made, "cases": cases}))
