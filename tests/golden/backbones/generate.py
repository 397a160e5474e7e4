"""Small random-weight networks of each family and their features, computed by PyTorch.

    python -m venv venv && venv/bin/pip install torch torchvision timm onnx safetensors numpy
    venv/bin/python generate.py              # rewrites the files beside this script
    # full-size networks for docs/parity.md; --large adds the larger DINOv2, --builtin networks that are in weights/ too
    venv/bin/python generate.py --full DIR [--large] [--onnx RESNET18.onnx] [--builtin NET.onnx LAYER,LAYER]...

The residual networks are torchvision's and timm's own classes with few channels. The DINOv2 reference below follows
the papers (arXiv 2304.07193, 2309.16588) with the tensor names, the interpolation of position embeddings and the
output conventions of the original repository; at sizes where their conventions agree it is compared with timm here.
"""
import argparse
import json
import math
import pathlib
import shutil

import numpy as np
import safetensors.torch
import timm
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck

HERE = pathlib.Path(__file__).parent
STAGES = ["layer1", "layer2", "layer3", "layer4"]


class SmallResNet(torchvision.models.ResNet):
    """torchvision's network with other numbers of channels."""

    def __init__(self, block, blocks, stem, planes, width):
        super().__init__(block, blocks, num_classes=3, width_per_group=64 * width)
        self.inplanes = stem
        self.conv1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        for i, (n, p) in enumerate(zip(blocks, planes)):
            setattr(self, STAGES[i], self._make_layer(block, p, n, stride=1 if i == 0 else 2))
        self.fc = nn.Linear(planes[-1] * block.expansion, 3)


def resnet_features(net, x):
    x = F.max_pool2d(F.relu(net.bn1(net.conv1(x))), 3, 2, 1)
    out = []
    for stage in STAGES:
        x = getattr(net, stage)(x)
        out.append(x)
    return out


class DinoAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, d))


class DinoScale(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return x * self.gamma


class DinoMlp(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class DinoBlock(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.attn, self.mlp = DinoAttention(dim, heads), DinoMlp(dim)
        self.ls1, self.ls2 = DinoScale(dim), DinoScale(dim)

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class DinoPatches(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, 14, 14)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class Dino(nn.Module):
    """DINOv2 with the original repository's names; `offset` and `antialias` as its hub models set them."""

    def __init__(self, dim, depth, heads, registers=0, side=37):
        super().__init__()
        self.side, self.registers = side, registers
        self.offset, self.antialias = (0.0, True) if registers else (0.1, False)
        self.patch_embed = DinoPatches(dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + side * side, dim))
        self.mask_token = nn.Parameter(torch.zeros(1, dim))
        if registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, registers, dim))
        self.blocks = nn.ModuleList(DinoBlock(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def positions(self, rows, cols):
        table = self.pos_embed[:, 1:]
        if (rows, cols) == (self.side, self.side):
            return table
        grid = table.reshape(1, self.side, self.side, -1).permute(0, 3, 1, 2)
        if self.offset:
            kw = {"scale_factor": ((rows + self.offset) / self.side, (cols + self.offset) / self.side)}
        else:
            kw = {"size": (rows, cols)}
        grid = F.interpolate(grid, mode="bicubic", antialias=self.antialias, **kw)
        assert grid.shape[-2:] == (rows, cols)
        return grid.permute(0, 2, 3, 1).flatten(1, 2)

    def forward(self, x):
        """Patch tokens [b, dim, rows, cols] after every block, plain and through the final norm."""
        rows, cols = x.shape[2] // 14, x.shape[3] // 14
        x = self.patch_embed(x) + self.positions(rows, cols)
        extra = [self.cls_token + self.pos_embed[:, :1]] + ([self.register_tokens] if self.registers else [])
        x = torch.cat([torch.cat(extra, 1).expand(len(x), -1, -1), x], 1)
        plain, normed = [], []
        for block in self.blocks:
            x = block(x)
            for out, tokens in ((plain, x), (normed, self.norm(x))):
                out.append(tokens[:, 1 + self.registers :].transpose(1, 2).unflatten(2, (rows, cols)))
        return plain, normed


def randomise(net, seed):
    """Weights of a trained network's size, with normalisations that do something."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in list(net.named_parameters()) + list(net.named_buffers()):
            if p.dtype != torch.float32:
                continue
            r = torch.randn(p.shape, generator=g)
            if "running_var" in name:
                p.copy_(r.abs() * 0.5 + 0.5)
            elif "running_mean" in name:
                p.copy_(r * 0.2)
            elif "gamma" in name:
                p.copy_(r * 0.3 + 0.5)
            elif p.ndim >= 2 and not any(t in name for t in ("token", "pos_embed")):
                p.copy_(r * math.sqrt(2.0 / p[0].numel()))
            elif name.endswith("weight"):
                # The last normalisation of a block is kept small, as in trained networks: sums do not blow up.
                p.copy_(r * 0.1 + (0.5 if ("bn3" in name or "layer" in name and "bn2" in name) else 1.0))
            else:
                p.copy_(r * 0.2)
    return net.eval()


def images(batch, height, width, seed=0):
    return torch.randn((batch, 3, height, width), generator=torch.Generator().manual_seed(seed + height * 1000 + width))


def small_nets():
    yield "basic", SmallResNet(BasicBlock, [2, 1, 1, 1], 6, [6, 8, 12, 16], 1)
    yield "bottleneck", SmallResNet(Bottleneck, [2, 1, 1, 1], 6, [4, 6, 8, 10], 1)
    yield "wide", SmallResNet(Bottleneck, [1, 2, 1, 1], 6, [4, 6, 8, 10], 2)
    yield "dino", Dino(24, 3, 3, 0, side=5)
    yield "dino_reg", Dino(24, 3, 3, 4, side=5)


def save(name, tensors):
    safetensors.torch.save_file({k: v.detach().contiguous() for k, v in tensors.items()}, HERE / f"{name}.safetensors")


@torch.no_grad()
def small():
    for seed, (name, net) in enumerate(small_nets()):
        randomise(net, seed)
        save(name, net.state_dict())
        dino = isinstance(net, Dino)
        sizes = [(3, 28, 42), (1, 70, 70)] if dino else [(3, 33, 45), (1, 37, 64)]
        out = {}
        for batch, height, width in sizes:
            x = images(batch, height, width)
            out[f"{height}x{width}/pixels"] = x
            if dino:
                plain, normed = net(x)
                maps = {f"blocks.{i}": t for i, t in enumerate(plain)} | {f"norm:blocks.{i}": t for i, t in enumerate(normed)}
                maps = {k: v for k, v in maps.items() if k in ("blocks.1", "blocks.2", "norm:blocks.0", "norm:blocks.2")}
            else:
                maps = dict(zip(STAGES, resnet_features(net, x)))
            out |= {f"{height}x{width}/{layer}": t for layer, t in maps.items()}
        save(f"{name}_features", out)
        if name == "basic":
            # The same weights in every container, and through ONNX with and without folding.
            torch.save(net.state_dict(), HERE / "basic.pth")
            torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in net.state_dict().items()}}, HERE / "basic_nested.pth")
            torch.save(net.state_dict(), HERE / "basic_legacy.pth", _use_new_zipfile_serialization=False)
            half = {k: v.half() if v.dtype == torch.float32 else v for k, v in net.state_dict().items()}
            safetensors.torch.save_file(half, HERE / "basic_half.safetensors")
            export(net, HERE / "basic_bn.onnx", False)
            export(net, HERE / "basic_folded.onnx", True)
        if name == "wide":
            strided = {k: v.to(memory_format=torch.channels_last) if v.ndim == 4 else v for k, v in net.state_dict().items()}
            torch.save(strided, HERE / "wide_channels_last.pth")
        if name == "dino_reg":
            timm_names(net)
            hub_names(net)


def timm_names(net):
    """timm's layout: registers renamed, class position added to the class token. Checked against timm itself."""
    state = net.state_dict()
    state["reg_token"] = state.pop("register_tokens")
    state["cls_token"] = state["cls_token"] + state["pos_embed"][:, :1]
    state["pos_embed"] = state["pos_embed"][:, 1:]
    del state["mask_token"]
    twin = timm.models.vision_transformer.VisionTransformer(
        img_size=70, patch_size=14, embed_dim=24, depth=3, num_heads=3, init_values=1.0, reg_tokens=4,
        no_embed_class=True, num_classes=0, dynamic_img_size=True,
    ).eval()
    twin.load_state_dict(state)
    for size in ((70, 70), (42, 98)):
        x = images(2, *size)
        ours, theirs = net(x)[1][-1], twin.forward_intermediates(x, indices=[2], norm=True, intermediates_only=True)[0]
        difference = ((ours - theirs).abs().max() / theirs.abs().max()).item()
        assert difference < 1e-5, difference
        print("timm and this reference differ by", difference)
    save("dino_reg_timm", state)


def hub_names(net):
    """The layout of Hugging Face transformers."""
    out = {}
    for key, value in net.state_dict().items():
        key = key.replace("blocks.", "encoder.layer.").replace("ls1.gamma", "layer_scale1.lambda1").replace("ls2.gamma", "layer_scale2.lambda1")
        key = key.replace("attn.proj", "attention.output.dense").replace("patch_embed.proj", "embeddings.patch_embeddings.projection")
        if key.startswith("norm."):
            key = "layernorm." + key[5:]
        if key in ("cls_token", "register_tokens", "mask_token"):
            key = "embeddings." + key
        if key == "pos_embed":
            key = "embeddings.position_embeddings"
        if "attn.qkv" in key:
            for part, chunk in zip(("query", "key", "value"), value.chunk(3)):
                out[key.replace("attn.qkv", f"attention.attention.{part}")] = chunk.clone()
        else:
            out[key] = value
    save("dino_reg_hub", out)


def export(net, path, fold):
    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            return tuple(resnet_features(self.net, x))

    names = {n: {0: "n", 2: f"h{i}", 3: f"w{i}"} for i, n in enumerate(["input"] + STAGES)}
    mode = torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE
    torch.onnx.export(Head().eval(), (images(1, 64, 64),), str(path), input_names=["input"], output_names=STAGES,
                      dynamic_axes=names, opset_version=17, dynamo=False, training=mode, do_constant_folding=fold)


def save_reference(path, pixels, maps):
    safetensors.torch.save_file({"pixels": pixels} | {k: v.contiguous() for k, v in maps.items()}, path)


def runtime(folder, onnx):
    """A ResNet-18 in an ONNX file with outputs layer2 and layer3, computed by ONNX Runtime."""
    import onnxruntime

    print("onnxruntime", onnxruntime.__version__)
    shutil.copyfile(onnx, folder / "resnet18.onnx")
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    layers, references = ["layer2", "layer3"], []
    for height, width in [(224, 224), (256, 256), (320, 320), (448, 448), (518, 518), (240, 352)]:
        x = images(1, height, width)
        maps = dict(zip(layers, map(torch.from_numpy, session.run(layers, {"input": x.numpy()}))))
        references.append(f"onnx_{height}x{width}.safetensors")
        save_reference(folder / references[-1], x, maps)
    return {"network": "resnet18", "weights": "resnet18.onnx", "layers": layers, "references": references}


def built_in(folder, onnx, layers):
    """A network whose ONNX file lies in weights/ at build time, computed by ONNX Runtime."""
    import onnxruntime

    onnx, layers, references = pathlib.Path(onnx), layers.split(","), []
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    for height, width in [(224, 224), (256, 256), (320, 320), (448, 448), (518, 518), (240, 352)]:
        x = images(1, height, width)
        maps = dict(zip(layers, map(torch.from_numpy, session.run(layers, {"input": x.numpy()}))))
        references.append(f"{onnx.stem}_{height}x{width}.safetensors")
        save_reference(folder / references[-1], x, maps)
    return {"network": onnx.stem, "layers": layers, "references": references}


@torch.no_grad()
def full(folder, onnx, large, builtin):
    """Full-size random networks; features of the layers in use, as NumPy files, with a list for the comparison."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [(224, 224), (256, 256), (320, 320), (448, 448), (518, 518), (240, 352)]
    plan = [(n, getattr(torchvision.models, n)(weights=None), ["layer2", "layer3"], sizes) for n in ("resnet18", "resnet50", "wide_resnet50_2")]
    patches = [(224, 224), (252, 252), (322, 322), (448, 448), (518, 518), (252, 336)]
    for name, registers in (("dinov2_vits14", 0), ("dinov2_vits14_reg", 4)):
        plan.append((name, Dino(384, 12, 6, registers), ["blocks.8", "blocks.11", "norm:blocks.11"], patches))
    if large:
        plan.append(("dinov2_vitb14", Dino(768, 12, 12, 0), ["blocks.8", "blocks.11", "norm:blocks.11"], patches))
        plan.append(("dinov2_vitl14", Dino(1024, 24, 16, 0), ["blocks.17", "blocks.23", "norm:blocks.23"], patches))
    cases = []
    for seed, (name, net, layers, sizes) in enumerate(plan):
        randomise(net, seed)
        torch.save(net.state_dict(), folder / f"{name}.pth")
        references = []
        for height, width in sizes:
            x = images(1, height, width)
            if isinstance(net, Dino):
                plain, normed = net(x)
                maps = {f"blocks.{i}": t for i, t in enumerate(plain)} | {f"norm:blocks.{i}": t for i, t in enumerate(normed)}
            else:
                maps = dict(zip(STAGES, resnet_features(net, x)))
            references.append(f"{name}_{height}x{width}.safetensors")
            save_reference(folder / references[-1], x, {k: maps[k] for k in layers})
        cases.append({"network": name, "weights": f"{name}.pth", "layers": layers, "references": references})
    if onnx:
        cases.append(runtime(folder, onnx))
    cases += [built_in(folder, *case) for case in builtin]
    (folder / "cases.json").write_text(json.dumps(cases, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--full")
    parser.add_argument("--onnx")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--builtin", nargs=2, action="append", default=[])
    arguments = parser.parse_args()
    print("torch", torch.__version__, "torchvision", torchvision.__version__, "timm", timm.__version__, "numpy", np.__version__)
    full(arguments.full, arguments.onnx, arguments.large, arguments.builtin) if arguments.full else small()
