"""Makes optimizers.json: six steps of each optimizer on f(w) = sum c (w - 1)^2 / 2 + w^4 / 40, in double precision.

Made with PyTorch 1.13:  python3 optimizers.py > optimizers.json

Where torch.optim has the same rule, it is the reference. `nesterov` records PyTorch's parameters, which are the look-ahead
points w + mu v. `rmsprop` with momentum follows climin's form, which torch.optim lacks, with gradients by autograd.
`asgd` records the averages: the mean of the iterates from the second on.
"""
import json

import torch

torch.set_default_dtype(torch.float64)
start = {"a": [0.5, -1.2, 2.0], "b": [[0.1, -0.4], [1.5, 0.0]]}
curvature = {"a": [1.0, 0.3, 2.0], "b": [[0.7, 1.1], [0.2, 1.9]]}
steps = 6


def loss(weights):
    return sum(
        (torch.tensor(curvature[n]) * (w - 1) ** 2 / 2 + w**4 / 40).sum() for n, w in weights.items()
    )


def fresh():
    return {name: torch.tensor(value, requires_grad=True) for name, value in start.items()}


def values(weights):
    return {name: w.detach().flatten().tolist() for name, w in weights.items()}


def run(make, read=None):
    weights = fresh()
    optimizer = make(list(weights.values()))
    trace = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss(weights).backward()
        optimizer.step()
        trace.append(values(weights if read is None else read(weights, optimizer)))
    return trace


def climin_rmsprop(rate, decay, mu, epsilon, initial):
    weights = fresh()
    velocity = {n: torch.zeros_like(w) for n, w in weights.items()}
    square = {n: torch.full_like(w, initial) for n, w in weights.items()}
    trace = []
    for _ in range(steps):
        half = {n: (w - mu * velocity[n]).detach().requires_grad_() for n, w in weights.items()}
        loss(half).backward()
        for n, point in half.items():
            square[n] = decay * square[n] + (1 - decay) * point.grad**2
            move = rate * point.grad / torch.sqrt(square[n] + epsilon)
            velocity[n] = mu * velocity[n] + move
            weights[n] = (point - move).detach()
        trace.append(values(weights))
    return trace


optim = torch.optim
cases = [
    ({"name": "sgd", "learningRate": 0.1}, run(lambda p: optim.SGD(p, lr=0.1))),
    (
        {"name": "momentum", "learningRate": 0.05, "momentum": 0.9, "nesterov": False},
        run(lambda p: optim.SGD(p, lr=0.05, momentum=0.9)),
    ),
    (
        {"name": "momentum", "learningRate": 0.05, "momentum": 0.9, "nesterov": True},
        run(lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True)),
    ),
    (
        {"name": "adam", "learningRate": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
        run(lambda p: optim.Adam(p, lr=0.1, betas=(0.9, 0.999), eps=1e-8)),
    ),
    (
        {"name": "rmsprop", "learningRate": 0.02, "decay": 0.9, "momentum": 0, "epsilon": 0, "initial": 0},
        run(lambda p: optim.RMSprop(p, lr=0.02, alpha=0.9, eps=0)),
    ),
    (
        {"name": "rmsprop", "learningRate": 0.02, "decay": 0.9, "momentum": 0.95, "epsilon": 1e-8, "initial": 1},
        climin_rmsprop(0.02, 0.9, 0.95, 1e-8, 1.0),
    ),
    (
        {"name": "asgd", "learningRate": 0.1, "nonMonotone": 5},
        run(
            lambda p: optim.ASGD(p, lr=0.1, lambd=0, alpha=0, t0=0),
            lambda weights, optimizer: {n: optimizer.state[w]["ax"] for n, w in weights.items()},
        ),
    ),
]
print(
    json.dumps(
        {
            "made": f"optimizers.py, PyTorch {torch.__version__}",
            "start": start,
            "curvature": curvature,
            "cases": [{"optimizer": config, "trace": trace} for config, trace in cases],
        }
    )
)
