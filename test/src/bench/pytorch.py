"""Training steps in PyTorch, timed on request, or taken once for their memory.

Without arguments: reads lines {"spec", "seconds"} and answers each with one line {"stepsPerSecond"}, and lines {"spec", "inputs",
"targets"} with {"loss"}, to check that a program is that of the library. With one argument {"spec", "steps"}: takes that many
steps and prints {"peakMB"}. A spec is that of workload.ts.
"""

import json
import os
import resource
import sys
import time

import torch

from pytorch_models import Workload

torch.set_num_threads(1)  # BLAS has its own threads


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


def peak_kilobytes():
    """Of this program alone: ru_maxrss also counts what its parent had before the fork."""
    try:
        with open('/proc/self/status') as status:
            return next(int(line.split()[1]) for line in status if line.startswith('VmHWM:'))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def time_steps(workloads, request):
    key = json.dumps(request['spec'], sort_keys=True)
    if key not in workloads:
        workloads[key] = Workload(request['spec'])
        workloads[key].step()  # fills caches
    start = time.perf_counter()
    count = 0
    while count == 0 or time.perf_counter() - start < request['seconds']:
        workloads[key].step()
        count += 1
    return {'stepsPerSecond': count / (time.perf_counter() - start)}


def waves(count):
    return torch.cos(torch.arange(count, dtype=torch.float32))


def loss_of(request):
    """Of weights that can be said in a line: see `simple` in pytorch.test.ts. Noise is left out."""
    workload = Workload(request['spec'])
    with torch.no_grad():
        for name, parameter in workload.model.named_parameters():
            if 'bias' in name or 'beta' in name:
                parameter.fill_(0)
            elif name in ('embedding.weight', 'output.weight'):  # [V, H]
                parameter.copy_(waves(len(parameter))[:, None].expand_as(parameter))
            elif name == 'weight':  # [H, V]
                parameter.copy_(waves(parameter.shape[1]).expand_as(parameter))
            else:
                parameter.fill_(0.5)
    drawn, torch.randn_like = torch.randn_like, torch.zeros_like
    inputs = torch.tensor(request['inputs']).to(workload.inputs.dtype).reshape(workload.inputs.shape)
    targets = torch.tensor(request['targets']).to(workload.targets.dtype).reshape(workload.targets.shape)
    loss = float(workload.model.loss(inputs, targets)) / workload.batch
    torch.randn_like = drawn
    return {'loss': loss}


def main():
    if len(sys.argv) > 1:
        request = json.loads(sys.argv[1])
        workload = Workload(request['spec'])
        for _ in range(request['steps']):
            workload.step()
        print(json.dumps({'peakMB': peak_kilobytes() / 1024}))
        return
    print(json.dumps({'version': f'{torch.__version__} with {blas()}'}), flush=True)
    workloads = {}
    for line in sys.stdin:
        request = json.loads(line)
        answer = loss_of(request) if 'inputs' in request else time_steps(workloads, request)
        print(json.dumps(answer), flush=True)


main()
