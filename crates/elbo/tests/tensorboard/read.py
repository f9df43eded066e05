"""Reads the events of a run with TensorBoard's own reader, and compares them with the run's metrics.csv.

    python read.py LOGS RUN

LOGS is what `elbo train --tensorboard` was given, RUN the run directory.
"""

import csv
import pathlib
import struct
import sys

from tensorboard.backend.event_processing import event_accumulator

logs, run = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
everything = {name: 0 for name in ("scalars", "images", "histograms")}
events = event_accumulator.EventAccumulator(str(logs / run.name), size_guidance=everything)
events.Reload()
rows = list(csv.DictReader((run / "metrics.csv").open()))
steps = [int(row["step"]) for row in rows]
part = "validation" if rows[0]["validation_loss"] else "test"
columns = {
    "loss/training": "train_loss",
    f"loss/{part}": f"{part}_loss",
    f"reconstruction/{part}": f"{part}_reconstruction",
    f"kl/{part}": f"{part}_kl",
    "epoch": "epoch",
    "learning_rate": "learning_rate",
    "images_per_second": "images_per_second",
}
assert sorted(events.Tags()["scalars"]) == sorted(columns), events.Tags()
for tag, column in columns.items():
    found = events.Scalars(tag)
    assert [event.step for event in found] == steps, (tag, [event.step for event in found])
    # TensorBoard keeps 32 bits of a number.
    expected = [struct.unpack("f", struct.pack("f", float(row[column])))[0] for row in rows]
    assert [event.value for event in found] == expected, tag
for tag in ("samples", "reconstructions"):
    images = events.Images(tag)
    assert [image.step for image in images] == steps, tag
    for image in images:
        assert image.encoded_image_string.startswith(b"\x89PNG\r\n\x1a\n"), tag
        size = struct.unpack(">II", image.encoded_image_string[16:24])
        assert size == (image.width, image.height), tag
histograms = events.Histograms("kl_per_dimension")
assert [histogram.step for histogram in histograms] == steps
for row, histogram in zip(rows, histograms):
    value = histogram.histogram_value
    assert value.num == sum(value.bucket) and value.min <= value.max == value.bucket_limit[-1]
    # The dimensions' divergences, of at most 1,000 images, add up to that of all of them, more or less.
    kl = float(row[f"{part}_kl"])
    assert abs(value.sum - kl) < 0.1 * kl + 1e-4, (value.sum, kl)
print(f"TensorBoard reads {len(steps)} steps of {len(columns)} numbers, 2 pictures and a histogram")
