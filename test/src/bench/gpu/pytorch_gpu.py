"""Training steps in PyTorch on its GPU, timed on request: reads lines {"spec", "seconds"}, answers each with {"stepsPerSecond"}.

The models are those of pytorch_models.py: nn.LSTM where nothing acts inside the recurrence, else operation by operation.
"""

import json
import sys
import time

import torch

if not torch.cuda.is_available():
    sys.exit('torch sees no GPU')
torch.set_default_device('cuda')

from pytorch_models import Workload  # noqa: E402  (its tensors go to the default device)

print(json.dumps({'version': f'{torch.__version__}, {torch.cuda.get_device_name()}'}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    workload = Workload(request['spec'])
    for _ in range(3):
        workload.step()
    torch.cuda.synchronize()
    start = time.perf_counter()
    count = 0
    while count == 0 or time.perf_counter() - start < request['seconds']:
        workload.step()
        torch.cuda.synchronize()
        count += 1
    print(json.dumps({'stepsPerSecond': count / (time.perf_counter() - start)}), flush=True)
    del workload
