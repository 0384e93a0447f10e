"""Adatom's network in PyTorch: pytorch_unet.py WEIGHTS.safetensors IMAGE.npy MAPS.npy (sides that are multiples of 8)."""

import json
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open


class Unet(torch.nn.Module):
    def __init__(self, path):
        super().__init__()
        with safe_open(path, "pt") as file:
            self.widths, self.tasks = (json.loads(file.metadata()["adatom.network"])[key] for key in ("widths", "tasks"))
            for name in file.keys():  # down.0.0.weight, down.0.0.gamma, ..., raise.0.weight, up.0.0.weight, head.bias
                self.register_buffer(name.replace(".", "_"), file.get_tensor(name))

    def block(self, name, x):  # twice: convolution, batch norm, rectifier
        for layer in (f"{name}_0", f"{name}_1"):
            weight, *norm = (getattr(self, f"{layer}_{part}") for part in ("weight", "running_mean", "running_var", "gamma", "beta"))
            x = F.relu(F.batch_norm(F.conv2d(x, weight, padding=1), *norm, eps=1e-5))
        return x

    def forward(self, image):  # [batch, 1, height, width] -> [batch, task, height, width]
        mean, sigma = image.mean((1, 2, 3), keepdim=True), image.std((1, 2, 3), unbiased=False, keepdim=True)
        x, skips, levels = (image - mean) / sigma, [], len(self.widths)
        for level in range(levels):
            skips.append(x := self.block(f"down_{level}", F.max_pool2d(x, 2) if level else x))
        for level in reversed(range(levels - 1)):
            x = F.conv2d(x, getattr(self, f"raise_{level}_weight"), getattr(self, f"raise_{level}_bias"))
            x = self.block(f"up_{level}", torch.cat([skips[level], F.pixel_shuffle(x, 2)], 1))
        x = F.conv2d(x, self.head_weight, self.head_bias)
        gains = {"noNoise": sigma, "noBackgroundnoNoise": sigma, "noNoiseNoBackgroundSuperresolution": 4 * sigma}
        return torch.cat([gains.get(task, 1) * x[:, [i]] + (mean if task == "noNoise" else 0) for i, task in enumerate(self.tasks)], 1)


if __name__ == "__main__":
    np.save(sys.argv[3], Unet(sys.argv[1])(torch.from_numpy(np.load(sys.argv[2]))[None, None])[0].numpy())
