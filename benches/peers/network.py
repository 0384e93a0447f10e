"""The U-Net of `adatom-network` in PyTorch and ONNX Runtime, timed in turn with ours.

    network.py SPEED CACHE ROUNDS [CASE...]    a table of all or some cases (SPEED: our example `speed`)
    network.py --case PEER CASE REPEATS MODEL    one case in this process, as JSON
"""

import json
import os
import subprocess
import sys
import time

THREADS = int(os.environ.get("THREADS", "2"))
WIDTHS = [16, 32, 64, 128]
TASKS = 5
MATRIX = 1536
REPEATS = {"forward512": 12, "forward1024": 5, "train": 6, "gemm": 6, "tiles4096": 1}


def flop(side, batch=1):
    """Multiplications and additions of a forward pass."""
    total, pixels = 0, batch * side * side
    for level, width in enumerate(WIDTHS):
        at = pixels >> 2 * level
        before = WIDTHS[level - 1] if level else 1
        total += 9 * at * width * (before + width)
        if level + 1 < len(WIDTHS):
            total += 9 * at * width * 3 * width + at * width * WIDTHS[level + 1]
    return 2 * (total + pixels * WIDTHS[0] * TASKS)


def network():
    import torch
    from torch import nn

    def block(before, width):
        layers = []
        for channels in (before, width):
            layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True)]
        return nn.Sequential(*layers)

    class Unet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.ModuleList(block(a, b) for a, b in zip([1, *WIDTHS], WIDTHS))
            self.rise = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in zip(WIDTHS, WIDTHS[1:]))
            self.up = nn.ModuleList(block(2 * a, a) for a in WIDTHS[:-1])
            self.pool = nn.MaxPool2d(2)
            self.head = nn.Conv2d(WIDTHS[0], TASKS, 1)

        def forward(self, x):
            skips = []
            for level, down in enumerate(self.down):
                x = down(self.pool(x) if level else x)
                skips.append(x)
            for level in reversed(range(len(self.up))):
                x = self.up[level](torch.cat([skips[level], self.rise[level](x)], 1))
            return self.head(x)

    torch.manual_seed(1)
    return Unet()


def best(repeats, run):
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def peak_memory():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def torch_case(case, repeats):
    import torch

    torch.set_num_threads(1 if case == "gemm" else THREADS)
    if case == "gemm":
        a, b = torch.rand(MATRIX, MATRIX), torch.rand(MATRIX, MATRIX)
        return best(repeats, lambda: a @ b)
    net = network().to(memory_format=torch.channels_last)
    if case == "train":
        x = torch.randn(4, 1, 256, 256).contiguous(memory_format=torch.channels_last)
        target = torch.randn(4, TASKS, 256, 256).contiguous(memory_format=torch.channels_last)
        weight = torch.ones_like(target)
        optimizer = torch.optim.AdamW(net.parameters(), fused=True)

        def step():
            optimizer.zero_grad(set_to_none=True)
            ((net(x) - target).square() * weight).mean().backward()
            optimizer.step()

        return best(repeats, step)
    side = int(case.removeprefix("forward"))
    net.eval()
    # As ours and ONNX Runtime's: batch norms folded into the convolutions.
    for part in [*net.down, *net.up]:
        for i in (0, 3):
            part[i] = torch.nn.utils.fusion.fuse_conv_bn_eval(part[i], part[i + 1])
            part[i + 1] = torch.nn.Identity()
    x = torch.randn(1, 1, side, side).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        return best(repeats, lambda: net(x))


def export(path):
    """Writes the network for ONNX Runtime."""
    import torch

    net = network().eval()
    torch.onnx.export(
        net, torch.randn(1, 1, 64, 64), path, input_names=["x"], output_names=["y"], dynamo=False,
        dynamic_axes={"x": {2: "h", 3: "w"}, "y": {2: "h", 3: "w"}},
    )


def onnx_case(case, repeats, model):
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    side = int(case.removeprefix("forward"))
    x = numpy.random.default_rng(1).standard_normal((1, 1, side, side), dtype=numpy.float32)
    return best(repeats, lambda: session.run(None, {"x": x}))


def one(peer, case, repeats, model):
    seconds = torch_case(case, repeats) if peer == "torch" else onnx_case(case, repeats, model)
    print(json.dumps({"case": case, "ms": 1e3 * seconds, "peak_mb": peak_memory()}))


def compare(speed, cache, rounds, wanted):
    model = os.path.join(cache, "unet.onnx")
    if not os.path.exists(model):
        subprocess.run([sys.executable, __file__, "--export", model], check=True)
    results = {}

    def run(who, case):
        threads = "1" if case == "gemm" else str(THREADS)
        environment = dict(os.environ, RAYON_NUM_THREADS=threads, OMP_NUM_THREADS=threads)
        repeats = str(REPEATS[case])
        command = [speed, case, repeats]
        if who != "adatom":
            command = [sys.executable, __file__, "--case", who, case, repeats, model]
        out = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
        result = json.loads(out.splitlines()[-1])
        kept = results.setdefault((who, case), result)
        kept["ms"] = min(kept["ms"], result["ms"])
        kept["peak_mb"] = min(kept["peak_mb"], result["peak_mb"])

    cases = {
        "gemm": ["adatom", "torch"],
        "forward512": ["adatom", "torch", "onnx"],
        "forward1024": ["adatom", "torch", "onnx"],
        "train": ["adatom", "torch"],
        "tiles4096": ["adatom"],
    }
    cases = {case: peers for case, peers in cases.items() if case == "gemm" or case in (wanted or cases)}
    for turn in range(rounds):
        for case, peers in cases.items():
            # Tiles are about memory: once is enough.
            for who in peers if turn == 0 or case != "tiles4096" else []:
                run(who, case)

    gigaflop = 2e-6 * MATRIX**3 / min(r["ms"] for (_, case), r in results.items() if case == "gemm")
    peak = THREADS * gigaflop
    work = {"forward512": flop(512), "forward1024": flop(1024), "train": 3 * flop(256, 4)}
    print(f"{THREADS} threads; best matrix product {gigaflop:.1f} GFLOP/s a thread; "
          f"forward at 512 x 512: {flop(512) / 1e9:.1f} GFLOP\n")
    print("| case | program | time [ms] | ours / theirs | share of GEMM peak | peak memory [MB] |")
    print("|---|---|---|---|---|---|")
    for case, peers in cases.items():
        for who in peers:
            result = results[who, case]
            ratio = results["adatom", case]["ms"] / result["ms"]
            ratio = "" if who == "adatom" else f"{ratio:.2f}"
            share = f"{work[case] / 1e6 / result['ms'] / peak:.0%}" if case in work else ""
            print(f"| {case} | {who} | {result['ms']:.1f} | {ratio} | {share} | {result['peak_mb']:.0f} |")


if __name__ == "__main__":
    if sys.argv[1] == "--case":
        one(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
    elif sys.argv[1] == "--export":
        export(sys.argv[2])
    else:
        compare(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
