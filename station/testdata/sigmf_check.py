"""Holds foxhunt's SigMF files against the reference package, and makes files with it for foxhunt to read."""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
from sigmf import SigMFFile
from sigmf.sigmffile import fromfile

TIME = "2020-08-13T06:52:20.123456789Z"
PLACE = {"type": "Point", "coordinates": [8.798828, 46.499351, 900.0]}


def check(paths):
    """Validates files and prints what the package reads of them, one JSON value a line."""
    warnings.simplefilter("error")  # such as extensions that are used and not declared
    for path in paths:
        recording = fromfile(path, autoscale=False)  # which also holds the samples against core:sha512
        recording.validate()
        samples = recording.read_samples()
        print(json.dumps({
            "global": recording.get_global_info(),
            "captures": recording.get_captures(),
            "samples": [[float(x.real), float(x.imag)] for x in samples],
        }))


def write(folder):
    """Writes a recording of 12 samples in each datatype, as pair and archive, one of three segments, and one beside a file
    of another name."""
    numbers = np.arange(24)
    for datatype, kind in {"cu8": "u1", "ci8": "i1", "ci16_le": "<i2", "ci16_be": ">i2", "cu16_le": "<u2", "cu16_be": ">u2",
                           "cf32_le": "<f4", "cf32_be": ">f4", "cf64_le": "<f8", "rf32_le": "<f4"}.items():
        recording = pair(folder / datatype, ".sigmf-data", numbers.astype(kind), datatype)
        recording.archive(name=folder / ("archive-" + datatype + ".sigmf"))
    pair(folder / "segments", ".sigmf-data", numbers.astype("i1"), "ci8", (77500.0, 60000.0, 77500.0))
    pair(folder / "other", ".raw", numbers.astype("i1"), "ci8")


def pair(path, ending, numbers, datatype, frequencies=(77500.0,)):
    """Writes samples and metadata; segments begin at samples 0, 2 and 9."""
    data = path.with_suffix(ending)
    numbers.tofile(data)
    recording = SigMFFile(data_file=data, global_info={
        "core:datatype": datatype, "core:sample_rate": 12001.25, "core:version": "1.2.0", "core:author": "test", "core:hw": "none"})
    for start, frequency in zip((0, 2, 9), frequencies):
        recording.add_capture(start, metadata={"core:frequency": frequency, "core:datetime": TIME, "core:geolocation": PLACE})
    recording.add_annotation(2, 3, metadata={"core:label": "x"})
    recording.tofile(path, overwrite=True)
    return recording


if __name__ == "__main__":
    if sys.argv[1] == "check":
        check(sys.argv[2:])
    else:
        write(Path(sys.argv[2]))
