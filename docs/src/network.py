"""The two-layer network in Tercet and in PyTorch: export and import of its weights."""

# ANCHOR: there
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

tensors = load_file("network.safetensors")
network = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
with torch.no_grad():
    for layer, number in ((network[0], 1), (network[2], 2)):
        layer.weight.copy_(tensors[f"w{number}"].T)
        layer.bias.copy_(tensors[f"b{number}"])
# ANCHOR_END: there

# ANCHOR: back
for layer, number in ((network[0], 1), (network[2], 2)):
    tensors[f"w{number}"] = layer.weight.detach().T.contiguous()
    tensors[f"b{number}"] = layer.bias.detach().contiguous()
with safe_open("network.safetensors", "pt") as file:
    save_file(tensors, "from-torch.safetensors", file.metadata())
# ANCHOR_END: back
