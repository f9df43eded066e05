"""Exported networks in other frameworks, against the golden values of `../golden/make_golden.py`.

    python compare.py EXPORTS FRAMEWORK

EXPORTS is what the test `write_golden_networks` wrote: a directory for each network, in it one for each format. FRAMEWORK is
onnx, pytorch, keras or numpy. What is found must lie within 1e-5 of the largest number, or of 1. What the scripts of the
export save again must hold the same arrays.
"""

import importlib.util
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors import safe_open

TOLERANCE = 1e-5
GOLDEN = Path(__file__).parent.parent / "golden"


def script(directory: Path):
    """The program that was exported, as a module."""
    spec = importlib.util.spec_from_file_location(f"model_{directory.parent.name}", directory / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def onnx(directory, images, z, labels):
    import onnx as checker
    import onnxruntime

    made = []
    for name, given in (("encoder", {"image": images}), ("decoder", {"z": z})):
        path = directory / f"{name}.onnx"
        checker.checker.check_model(path, full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        made += session.run(None, given | ({} if labels is None else {"class": labels}))
    return made


def pytorch(directory, images, z, labels):
    import torch
    from safetensors.torch import load_file

    model = script(directory)
    vae = model.load()
    labels = None if labels is None else torch.from_numpy(labels)
    with torch.no_grad():
        mean, logvar = vae.encode(torch.from_numpy(images).permute(0, 3, 1, 2), labels)
        image = vae.decode(torch.from_numpy(z), labels).permute(0, 2, 3, 1)
    with tempfile.TemporaryDirectory() as scratch:
        model.save(vae, f"{scratch}/again.safetensors")
        before, after = load_file(directory / "weights.safetensors"), load_file(f"{scratch}/again.safetensors")
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    return [mean.numpy(), logvar.numpy(), image.numpy()]


def keras(directory, images, z, labels):
    from keras import ops

    model = script(directory)
    encoder, decoder = model.load()
    given = lambda x: x if labels is None else [x, labels.astype("int32")]
    mean, logvar = encoder(given(images))
    image = decoder(given(z))
    with tempfile.TemporaryDirectory() as scratch:
        model.save(encoder, decoder, f"{scratch}/again.npz")
        before, after = np.load(directory / "weights.npz"), np.load(f"{scratch}/again.npz")
        assert set(before) == set(after) and all(np.array_equal(before[name], after[name]) for name in before)
    return [ops.convert_to_numpy(x) for x in (mean, logvar, image)]


def numpy(directory, images, z, labels):
    """The arrays alone: that they are those of the golden file, by name."""
    arrays = np.load(directory / "weights.npz")
    with safe_open(GOLDEN / f"{directory.parent.name}.safetensors", "np") as golden:
        if golden.metadata()["parameters"] == "stored":
            for name in arrays:
                assert np.array_equal(arrays[name], golden.get_tensor(f"param.{name}").astype("float32")), name
        assert set(golden.metadata()["tensors"].split(",")) == set(arrays)
    return None


def main(exports: str, framework: str) -> None:
    worst = 0.0
    for directory in sorted(Path(exports).iterdir()):
        with safe_open(GOLDEN / f"{directory.name}.safetensors", "np") as golden:
            images = golden.get_tensor("images").astype("float32")
            z = golden.get_tensor("forward.z").astype("float32")
            labels = golden.get_tensor("labels").astype("int64") if "labels" in golden.keys() else None
            mean, logvar = golden.get_tensor("forward.mean"), golden.get_tensor("forward.logvar")
            expected = [mean, logvar, 255 * golden.get_tensor("forward.xhat")]
        made = globals()[framework](directory / framework, images, z, labels)
        if made is None:
            continue
        for name, found, expected in zip(("mean", "logvar", "image"), made, expected):
            assert found.shape == expected.shape and found.dtype == np.float32, (directory.name, name, found.shape)
            error = np.abs(found - expected).max() / max(1.0, np.abs(expected).max())
            assert error <= TOLERANCE, f"{directory.name}: {name} is off by {error:.2g} of the largest"
            worst = max(worst, error)
    print(f"{framework}: {len(list(Path(exports).iterdir()))} networks, at most {worst:.2g} of the largest number off")


if __name__ == "__main__":
    main(*sys.argv[1:])
