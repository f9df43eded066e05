"""That NumPy, pandas, polars and pyarrow read what `elbo encode` writes, and `elbo decode` what they write.

    pip install numpy pandas polars pyarrow
    python codes_in_python.py target/release/elbo RUN

RUN is a run on data with labels. Run by hand; it ends with a line for each file that was decoded.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

elbo, run = sys.argv[1], sys.argv[2]
here = Path(tempfile.mkdtemp())


def call(*arguments):
    done = subprocess.run([elbo, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


call("encode", run, "--part", "test", "--out", here / "codes.npy")
for kind in ["npz", "csv", "parquet"]:
    call("encode", run, "--part", "test", "--out", here / f"codes.{kind}", "--logvars", "--samples", 2)

means = np.load(here / "codes.npy")
arrays = np.load(here / "codes.npz")
dim = means.shape[1]
assert means.dtype == np.float32
assert (arrays["means"] == means).all() and arrays["logvars"].shape == means.shape
assert arrays["samples"].shape == (len(means), 2, dim)
words = arrays["classes"][arrays["labels"]]
origin = json.loads(arrays["metadata"].tobytes())
assert origin["latent_dim"] == dim and set(arrays["parts"]) == {"test"}

columns = [f"mean_{i}" for i in range(dim)]
samples = [f"sample_{draw}_{i}" for draw in range(2) for i in range(dim)]
tables = {
    "pandas csv": pd.read_csv(here / "codes.csv", dtype={"label": str, "model": str}),
    "pandas parquet": pd.read_parquet(here / "codes.parquet"),
    "polars csv": pl.read_csv(here / "codes.csv", schema_overrides={"label": pl.String}).to_pandas(),
    "polars parquet": pl.read_parquet(here / "codes.parquet").to_pandas(),
    "pyarrow": pq.read_table(here / "codes.parquet").to_pandas(),
}
for name, table in tables.items():
    assert (table[columns].to_numpy(np.float32) == means).all(), name
    assert (table[samples].to_numpy(np.float32).reshape(arrays["samples"].shape) == arrays["samples"]).all(), name
    assert (table["label"].to_numpy(str) == words).all() and (table["part"] == "test").all(), name
    assert origin["model"].startswith(table["model"][0]), name
assert json.loads(pq.read_schema(here / "codes.parquet").metadata[b"elbo"]) == origin

# What comes back: the same table, and the means by themselves.
table = tables["pandas parquet"]
table.to_parquet(here / "pandas.parquet")
table.to_csv(here / "pandas.csv")
pl.from_pandas(table).write_parquet(here / "polars.parquet", compression="snappy")
pl.from_pandas(table).write_csv(here / "polars.csv")
np.save(here / "double.npy", means.astype(np.float64))
np.savez_compressed(here / "numpy.npz", means)
call("decode", run, here / "codes.npy", "--out", here / "expected.npy")
expected = np.load(here / "expected.npy")
for name in ["pandas.parquet", "pandas.csv", "polars.parquet", "polars.csv", "double.npy", "numpy.npz"]:
    done = call("decode", run, here / name, "--out", here / "images.npy")
    assert (np.load(here / "images.npy") == expected).all(), name
    print(name, done.stderr.strip())
