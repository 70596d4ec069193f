"""Makes techniques.json: loss and gradients of two-layer models under each technique, in double precision.

    node test/dist/golden/masks.js | python3 test/src/golden/techniques.py > test/src/golden/techniques.json

Weights, tokens and masks come in on stdin; the masks are those that the plugins draw. Where each mask acts, and what
happens around it, is written here from the papers' equations. Made with PyTorch 1.13.
"""
import json
import sys

import torch

torch.set_default_dtype(torch.float64)


class Technique:
    """Identity at every place; a technique overrides the places at which it acts."""

    def __init__(self, name, options, draws):
        self.name, self.options, self.draws, self.used = name, options, draws, set()

    def draw(self, *place):
        key = "/".join([self.name, *map(str, place)])
        self.used.add(key)
        return self.draws[key]

    def bits(self, *place):
        return (self.draw(*place) != 0).double()

    def dropped(self, x, rate, *place, t=0):
        """x with inverted dropout; the mask is [1|T, ...]."""
        if rate == 0:
            return x
        mask = self.bits(*place)
        return x * mask[t if mask.shape[0] > 1 else 0] / (1 - rate)

    def embedded(self, ids, x): return x
    def x(self, l, t, gate, x): return x
    def h(self, l, t, gate, h): return h
    def w_x(self, l, t, w): return w
    def w_h(self, l, t, name, w): return w
    def w_o(self, t, w): return w
    def product_x(self, l, a): return a
    def product_h(self, l, t, a, operand, name, w, first): return a
    def candidate(self, l, t, g): return g
    def readout(self, l, c): return c
    def cell(self, l, t, old, new): return new
    def hidden(self, l, t, old, new): return new
    def up(self, l, t, h): return h
    def penalty(self, weights, hidden, up): return 0


class Gal(Technique):
    def embedded(self, ids, x):
        kept = self.bits("embedding")[torch.arange(len(ids)), ids]  # [B, V] at each example's word
        return x * kept[:, None] / (1 - self.options["embedding"])

    def by_gate(self, site, l, gate, x):
        mask = self.bits(site, l)[0]  # [B, N] or [B, G, N]
        return x * (mask[:, gate] if mask.dim() == 3 else mask) / (1 - self.options[site])

    def x(self, l, t, gate, x): return self.by_gate("input", l, gate, x)
    def h(self, l, t, gate, h): return self.by_gate("recurrent", l, gate, h)

    def up(self, l, t, h):
        return self.dropped(h, self.options["output"], "output", l) if l == L - 1 else h

    def penalty(self, weights, hidden, up):
        decayed = [w for w in weights.values() if w.dim() == 2 or self.options["decayBiases"]]
        return self.options["weightDecay"] * sum((w**2).sum() for w in decayed)


class Zaremba(Technique):
    def x(self, l, t, gate, x): return self.dropped(x, self.options["rate"], "input", l, t=t)

    def up(self, l, t, h):
        return self.dropped(h, self.options["rate"], "output", l, t=t) if l == L - 1 else h


class Semeniuta(Technique):
    def candidate(self, l, t, g): return self.dropped(g, self.options["rate"], "candidate", l, t=t)


class Zoneout(Technique):
    def zone(self, site, l, t, old, new):
        rate = self.options[site]
        if rate == 0:
            return new
        keep = torch.tensor(rate) if phase == "evaluate" else self.bits(site, l)[t]
        if phase == "evaluate":
            assert abs(self.draw(site, l) - rate) < 1e-7
        return keep * old + (1 - keep) * new

    def cell(self, l, t, old, new): return self.zone("cell", l, t, old, new)
    def hidden(self, l, t, old, new): return self.zone("hidden", l, t, old, new)


class DropConnect(Technique):
    def w_h(self, l, t, name, w):
        rate, rescale = self.options["rate"], self.options["rescale"]
        if phase == "evaluate":
            assert rescale == "test" and abs(self.draw("weights.recurrent", l, name) - (1 - rate)) < 1e-7
            return w * (1 - rate)
        mask = self.bits("weights.recurrent", l, name)
        mask = mask[t] if mask.dim() == 3 else mask
        return mask * w / (1 - rate) if rescale == "inverted" else mask * w


class WeightNoise(Technique):
    def noisy(self, w, t, *place):
        value = self.draw(*place)
        value = value[t] if value.dim() == 3 else value
        return w * value if self.options["form"] == "multiplicative" else w + value

    def w_x(self, l, t, w):
        return self.noisy(w, t, "weights.input", l) if "input" in self.options["weights"] else w

    def w_o(self, t, w):
        return self.noisy(w, t, "weights.output") if "output" in self.options["weights"] else w

    def w_h(self, l, t, name, w):
        act = "recurrent" in self.options["weights"] and self.options["pass"] == "both"
        return self.noisy(w, t, "weights.recurrent", l, name) if act else w

    def product_h(self, l, t, a, operand, name, w, first):
        if self.options["pass"] == "both":
            return a
        # The value at W; the gradient of the operand at the noisy W.
        noisy = operand @ self.noisy(w, t, "weights.recurrent", l, name).detach() + operand.detach() @ w - (operand @ w).detach()
        return noisy - noisy.detach() + a.detach()


class LayerNorm(Technique):
    def normalised(self, a, name, l, first=0):
        width = a.shape[1]
        parts = a.split(H if self.options["over"] == "gate" else width, 1)
        parts = [(p - p.mean(1, True)) / (p.var(1, unbiased=False, keepdim=True) + self.options["epsilon"]).sqrt() for p in parts]
        gain = parameters[f"layer-norm/gain-{name}-{l}"][first : first + width]
        out = torch.cat(parts, 1) * gain
        return out + parameters[f"layer-norm/bias-{name}-{l}"][first : first + width] if self.options["bias"] else out

    def product_x(self, l, a): return self.normalised(a, "input", l)
    def product_h(self, l, t, a, operand, name, w, first): return self.normalised(a, "recurrent", l, first)
    def readout(self, l, c): return self.normalised(c, "readout", l)


class ActivationPenalty(Technique):
    def penalty(self, weights, hidden, up):
        o, total = self.options, 0
        for h, u in list(zip(hidden, up))[-1 if o["layers"] == "last" else 0 :]:
            h, u = torch.stack(h), torch.stack(u)  # [T, B, H]
            total = total + o["activation"] * u.pow(2).mean() + o["temporal"] * (h[1:] - h[:-1]).pow(2).mean()
            norms = torch.cat([torch.zeros(1, B), h.norm(dim=2)])  # h_0 = 0
            total = total + o["norm"] * (norms[1:] - norms[:-1]).pow(2).mean()
        return total


techniques = {
    "gal-dropout": Gal, "zaremba-dropout": Zaremba, "recurrent-dropout": Semeniuta, "zoneout": Zoneout,
    "dropconnect": DropConnect, "weight-noise": WeightNoise, "layer-norm": LayerNorm, "activation-penalty": ActivationPenalty,
}  # fmt: skip


def through(place, *args):
    """The last argument passed through every technique in turn."""
    *before, value = args
    for technique in active:
        value = getattr(technique, place)(*before, value)
    return value


def product_h(l, t, operand, name, gates, first):
    """h W by gate, where each gate may see another h; `gates` are those of this matrix."""
    w = through("w_h", l, t, name, parameters[f"layer-{l}/{name}"])
    columns = w.split(H, 1)
    a = torch.cat([through("h", l, t, gate, operand) @ columns[i] for i, gate in enumerate(gates)], 1)
    for technique in active:
        a = technique.product_h(l, t, a, operand, name, w, first)
    return a


def step(l, t, x, h, c):
    p = lambda name: parameters[f"layer-{l}/{name}"]
    columns = through("w_x", l, t, p("input")).split(H, 1)
    a = torch.cat([through("x", l, t, gate, x) @ w for gate, w in enumerate(columns)], 1)
    a = through("product_x", l, a) + p("bias")
    if kind == "lstm":
        i, f, g, o = (a + product_h(l, t, h, "recurrent", range(4), 0)).split(H, 1)
        new = f.sigmoid() * c + i.sigmoid() * through("candidate", l, t, g.tanh())
        out = o.sigmoid() * through("readout", l, new).tanh()
        return through("hidden", l, t, h, out), through("cell", l, t, c, new)
    if kind == "rnn":
        out = through("candidate", l, t, (a + product_h(l, t, h, "recurrent", [0], 0)).tanh())
    else:
        ar, az, an = a.split(H, 1)
        if kind == "gru":
            hr, hz, hn = product_h(l, t, h, "recurrent", range(3), 0).split(H, 1)
            r, z = (ar + hr).sigmoid(), (az + hz).sigmoid()
            n = (an + r * (hn + p("recurrent-bias"))).tanh()
        else:
            hr, hz = product_h(l, t, h, "recurrent-gates", [0, 1], 0).split(H, 1)
            r, z = (ar + hr).sigmoid(), (az + hz).sigmoid()
            n = (an + product_h(l, t, r * h, "recurrent-candidate", [2], 2 * H)).tanh()
        out = (1 - z) * through("candidate", l, t, n) + z * h
    return through("hidden", l, t, h, out), c


def forward():
    ids, targets = [torch.tensor(given[k]).reshape(T, B).repeat(1, copies) for k in ("inputs", "targets")]
    h = [torch.zeros(B * copies, H) for _ in range(L)]
    c = [torch.zeros(B * copies, H) for _ in range(L)]
    hidden, up, nll = [[] for _ in range(L)], [[] for _ in range(L)], 0
    for t in range(T):
        x = through("embedded", ids[t], parameters["embedding"][ids[t]])
        for l in range(L):
            h[l], c[l] = step(l, t, x, h[l], c[l])
            hidden[l].append(h[l])
            x = through("up", l, t, h[l])
            up[l].append(x)
        logits = x @ through("w_o", t, parameters["output/weight"]).T + parameters["output/bias"]
        chosen = logits.log_softmax(1).gather(1, targets[t][:, None]).reshape(copies, B)
        nll = nll - (chosen.exp().mean(0).log() if phase == "sample" else chosen.mean(0)).sum()
    return nll, hidden, up


def flat(x):
    return [float(f"{v:.7g}") for v in x.detach().reshape(-1).tolist()]


given = json.load(sys.stdin)
V, H, T, B, L = (given["sizes"][k] for k in "VHTBL")
for case in given["cases"]:
    phase, copies, cell = case["phase"], case["copies"], case["cell"]
    kind = cell if isinstance(cell, str) else "gru-before"
    parameters = {
        name: torch.tensor(w["values"]).reshape(w["shape"]).requires_grad_() for name, w in case["weights"].items()
    }
    draws = {d["place"]: torch.tensor(d["values"]).reshape(d["shape"]) for d in case["draws"]}
    active = [techniques[o["name"]](o["name"], o, draws) for o in case["regularizers"]]
    nll, hidden, up = forward()
    loss = nll / B + sum(technique.penalty(parameters, hidden, up) for technique in active)
    unused = set(draws) - set().union(*(technique.used for technique in active))
    assert not unused, (case["id"], unused)
    case["nll"], case["loss"] = nll.item(), float(loss)
    if phase == "train":
        loss.backward()
        case["gradients"] = {name: flat(w.grad) for name, w in parameters.items()}
    case["hidden"] = [flat(layer[-1]) for layer in hidden]
    # The test has these in technique-cases.ts.
    del case["cell"], case["phase"], case["copies"], case["regularizers"], case["weights"]

print(json.dumps({"made": "test/src/golden/techniques.py with PyTorch " + torch.__version__, "cases": given["cases"]}))
