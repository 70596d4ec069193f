"""Makes attentive-reader.json: the Attentive Reader with an LSTM, with recurrent batch norm, and with batch norm in the
attention too, in PyTorch, double precision.

Only the texts that still go on take a step, so that there is no padding anywhere. Normalisation is
torch.nn.functional.batch_norm over the texts that have the position, with batch statistics and with given ones.
Run: python3 test/src/golden/attentive_reader.py > test/src/golden/attentive-reader.json   (made with PyTorch 1.13)
"""
import json

import torch
from torch.nn.functional import batch_norm, cross_entropy

torch.set_default_dtype(torch.float64)
V, E, H, A = 9, 2, 3, 4
LENGTHS = {"document": [6, 3, 6, 4], "question": [2, 4, 3, 4]}
OWNER = "batch-norm-lstm"


def flat(x):
    return [round(v, 12) for v in x.detach().reshape(-1).tolist()]


def run(kind, p, texts, answers, population=None):
    """NLL, likeliest answers, and the batch mean and biased variance of each normalised quantity and position."""
    seen = {}

    def bn(reader, name, t, x, shift):
        key = f"{OWNER}/{reader}/{name}/0/{t}"
        scale = p[f"{OWNER}/{reader}/gamma-{name}"]
        shift = p[f"{OWNER}/{reader}/beta-{name}"] if shift else None
        if population is None:
            seen[key] = torch.stack([x.mean(0), x.var(0, unbiased=False)])
            return batch_norm(x, None, None, scale, shift, training=True, eps=1e-5)
        return batch_norm(x, *population[key], scale, shift, training=False, eps=1e-5)

    def normal(reader, name, t, x, shift=False):
        return x if kind == "lstm" else bn(reader, name, t, x, shift)

    def term(name, t, x):
        return bn("document", name, t, x, True) if kind == "everywhere" else x

    def read(reader, layer):
        """States after each token of each text."""
        lengths, tokens = LENGTHS[reader], texts[reader]
        states = [[] for _ in lengths]
        h, c = [torch.zeros(H)] * len(lengths), [torch.zeros(H)] * len(lengths)
        for t in range(max(lengths)):
            on = [b for b, n in enumerate(lengths) if n > t]
            x = p["embedding"][torch.tensor([tokens[b][t] for b in on])]
            a = normal(reader, "input-0", t, x @ p[f"{layer}/input"])
            a = a + normal(reader, "recurrent-0", t, torch.stack([h[b] for b in on]) @ p[f"{layer}/recurrent"])
            i, f, g, o = (a + p[f"{layer}/bias"]).chunk(4, 1)
            cell = torch.sigmoid(f) * torch.stack([c[b] for b in on]) + torch.sigmoid(i) * torch.tanh(g)
            hidden = torch.sigmoid(o) * torch.tanh(normal(reader, "readout-0", t, cell, True))
            for row, b in enumerate(on):
                h[b], c[b] = hidden[row], cell[row]
                states[b].append(hidden[row])
        return [torch.stack(s) for s in states]

    y = read("document", "layer-0")
    u = torch.stack([s[-1] for s in read("question", "layer-1")])
    um = term("attention/question", 0, u @ p["attention/question"])
    ym = [[None] * n for n in LENGTHS["document"]]
    for t in range(max(LENGTHS["document"])):
        on = [b for b, n in enumerate(LENGTHS["document"]) if n > t]
        at = term("attention/document", t, torch.stack([y[b][t] for b in on]) @ p["attention/document"])
        for row, b in enumerate(on):
            ym[b][t] = at[row]
    r = []
    for b, states in enumerate(y):
        m = torch.tanh(torch.stack(ym[b]) + um[b])
        s = torch.softmax(m @ p["attention/score"][:, 0], 0)
        r.append(s @ states)
    g = torch.tanh(
        term("joint/document", 0, torch.stack(r) @ p["joint/document"])
        + term("joint/question", 0, u @ p["joint/question"])
    )
    logits = g @ p["output/weight"].T + p["output/bias"]
    return cross_entropy(logits, answers, reduction="sum"), logits.argmax(1), seen


def case(kind):
    torch.manual_seed(5)
    shapes = {"embedding": (V, E), "attention/document": (H, H), "attention/question": (H, H), "attention/score": (H, 1),
              "joint/document": (H, H), "joint/question": (H, H), "output/weight": (A, H), "output/bias": (A,)}
    for layer in ("layer-0", "layer-1"):
        shapes.update({f"{layer}/input": (E, 4 * H), f"{layer}/recurrent": (H, 4 * H), f"{layer}/bias": (4 * H,)})
    p = {k: (torch.randn(s) * 0.8).requires_grad_() for k, s in shapes.items()}
    scales = {}
    for reader in ("document", "question"):
        scales.update({f"{reader}/gamma-input-0": 4 * H, f"{reader}/gamma-recurrent-0": 4 * H,
                       f"{reader}/gamma-readout-0": H, f"{reader}/beta-readout-0": H})
    if kind == "everywhere":
        for name in ("attention/document", "attention/question", "joint/document", "joint/question"):
            scales.update({f"document/gamma-{name}": H, f"document/beta-{name}": H})
    for name, size in scales.items() if kind != "lstm" else ():
        p[f"{OWNER}/{name}"] = (torch.rand(size) * 0.5 + 0.1).requires_grad_()
    texts = {k: [torch.randint(V, (n,)).tolist() for n in lengths] for k, lengths in LENGTHS.items()}
    answers = torch.randint(A, (4,))
    nll, likeliest, seen = run(kind, p, texts, answers)
    nll.backward()
    population = {k: v.detach() + torch.rand(v.shape) * 0.1 for k, v in seen.items()}
    evaluated, _, _ = run(kind, p, texts, answers, population)
    return {
        "kind": kind, "sizes": {"V": V, "E": E, "H": H, "A": A}, "texts": texts, "answers": answers.tolist(),
        "weights": {k: flat(v) for k, v in p.items()}, "gradients": {k: flat(v.grad) for k, v in p.items()},
        "nll": nll.item(), "errors": int((likeliest != answers).sum()), "seen": {k: flat(v) for k, v in seen.items()},
        "population": {k: flat(v) for k, v in population.items()}, "evaluated": evaluated.item(),
    }


made = {"made": "test/src/golden/attentive_reader.py with PyTorch " + torch.__version__}
print(json.dumps({**made, "cases": [case("lstm"), case("bn-lstm"), case("everywhere")]}))
