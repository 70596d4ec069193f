"""Makes classifier.json: two-layer LSTM and GRU over packed sequences of unequal length, from learned first states, with a
softmax on the last state of each, in PyTorch, double precision.

Run: python3 test/src/golden/classifier.py > test/src/golden/classifier.json   (made with PyTorch 1.13)
"""
import json

import torch

torch.set_default_dtype(torch.float64)
D, H, T, B, L, C = 2, 3, 5, 4, 2, 3
lengths = [5, 2, 1, 4]


def flat(x):
    return [round(v, 12) for v in x.detach().reshape(-1).tolist()]


def case(kind):
    torch.manual_seed(3)
    lstm = kind == "lstm"
    net = (torch.nn.LSTM if lstm else torch.nn.GRU)(D, H, L)
    for p in net.parameters():
        p.data = torch.randn_like(p) * 0.7
    head = torch.nn.Linear(H, C)
    head.weight.data, head.bias.data = torch.randn(C, H), torch.randn(C) * 0.3
    first = {name: torch.nn.Parameter(torch.randn(L, 1, H) * 0.5) for name in (("h", "c") if lstm else ("h",))}
    x, labels = torch.randn(T, B, D), torch.randint(C, (B,))
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    begun = {name: value.expand(L, B, H).contiguous() for name, value in first.items()}
    _, last = net(packed, (begun["h"], begun["c"]) if lstm else begun["h"])
    top = (last[0] if lstm else last)[-1]
    logits = head(top)
    loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    loss.backward()
    weights = {"output/weight": flat(head.weight), "output/bias": flat(head.bias)}
    gradients = {"output/weight": flat(head.weight.grad), "output/bias": flat(head.bias.grad)}
    for l in range(L):
        pre = f"layer-{l}/"
        wi, wh = getattr(net, f"weight_ih_l{l}"), getattr(net, f"weight_hh_l{l}")
        bi, bh = getattr(net, f"bias_ih_l{l}"), getattr(net, f"bias_hh_l{l}")
        for ours, theirs in (("input", wi), ("recurrent", wh)):
            weights[pre + ours], gradients[pre + ours] = flat(theirs.T), flat(theirs.grad.T)
        inside = torch.cat([torch.ones(2 * H), torch.full((H,), 1.0 if lstm else 0.0), torch.ones(H if lstm else 0)])
        weights[pre + "bias"], gradients[pre + "bias"] = flat(bi + inside * bh), flat(bi.grad)
        if not lstm:
            weights[pre + "recurrent-bias"] = flat(bh[2 * H :])
            gradients[pre + "recurrent-bias"] = flat(bh.grad[2 * H :])
        for name, value in first.items():
            weights[pre + "initial/" + name], gradients[pre + "initial/" + name] = flat(value[l]), flat(value.grad[l])
    return {
        "cell": kind, "sizes": {"D": D, "H": H, "T": T, "B": B, "L": L, "C": C}, "lengths": lengths,
        "inputs": flat(x), "labels": labels.tolist(), "weights": weights, "nll": loss.item(),
        "errors": int((logits.argmax(1) != labels).sum()), "gradients": gradients,
    }


made = {"made": "test/src/golden/classifier.py with PyTorch " + torch.__version__}
print(json.dumps({**made, "cases": [case("lstm"), case("gru")]}))
