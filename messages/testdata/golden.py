"""Writes the golden messages with the reference msgpack of Python.

    python3 -m venv .venv && .venv/bin/pip install -r messages/testdata/requirements.txt
    .venv/bin/python messages/testdata/golden.py

The Go test of the same name reads them and checks every field.
"""

import pathlib
import struct

import msgpack

HERE = pathlib.Path(__file__).parent

# Every field, all four formats, numbers of every kind, unknown keys with every msgpack type.
FULL = {
    "v": 1,
    "later": {"a": [1, -1, 2.5, None, True, {"b": b"bytes"}], 7: msgpack.ExtType(5, b"ext"), "t": msgpack.Timestamp(1, 2)},
    "id": "0123456789abcdef0123456789ABCDEF",
    "event": "évènement",
    "session": "s-1",
    "freq": 77500,
    "cache": False,
    "rx": [
        {
            "station": "HB9ODP", "lat": 46, "lon": 8.798828, "alt": -3, "t0": 1597301540520645442,
            "sigma": 100, "rate": 12001.2, "gain": -20, "fmt": "cu8", "iq": bytes([0, 255, 127, 128]),
        },
        {
            "station": "JO51xl", "lat": 51.466044, "lon": 11.977189, "alt": 200.5, "t0": 1,
            "sigma": 0, "rate": 1000, "gain": 0.5, "fmt": "ci8", "iq": struct.pack("4b", -128, 127, 0, 1), "more": list(range(300)),
        },
        {
            "iq": struct.pack("<4h", -32768, 32767, 0, 1) * 100, "fmt": "ci16_le", "gain": 200, "rate": 100000000,
            "sigma": 1000000000, "t0": 4294967296, "alt": 100000, "lon": -180, "lat": -90, "station": "pa0rdt_2-x",
        },
        {
            "station": "D", "lat": 300 / 7, "lon": 127, "alt": 1000, "t0": 65536, "sigma": 40.25, "rate": 2400000,
            "gain": 0, "fmt": "cf32_le", "iq": struct.pack("<4f", -1.0, 0.5, 0.0, 1e-3) * 4200,
        },
    ],
}

# The optional fields absent or nil, the id as bytes.
MINIMAL = {
    "freq": 4.0e8, "session": None, "id": bytes(range(16)), "v": 1,
    "rx": [{"station": "A", "lat": 45.0, "lon": 7.0, "alt": 0, "t0": 1700000000000000000, "sigma": 30,
            "rate": 2000000, "gain": 0, "fmt": "ci8", "iq": b"\x01\x02"}],
}

FIX = {
    "v": 1, "capture_id": "0123456789abcdef0123456789ABCDEF", "event": "e", "session": "", "network": "dcf", "source": "dcf77",
    "frequency": 77500, "time": "2020-08-13T06:52:20.520645442Z",
    "position": {"latitude": 50.0152, "longitude": 9.0112},
    "uncertainty": {
        "sigma_x": 5000.5, "sigma_y": 4500, "theta": 30.25, "confidence_interval": 0.95, "covariance_xy": -12.5,
        "semi_major_m": 13000, "semi_minor_m": 11000, "area_m2": 4.5e8,
    },
    "confidence": 1, "model": {"name": "grid", "version": "1", "digest": "ab" * 32},
    "budget": {"propagation_s": 1.5e-5, "source": "lf"},
    "receivers": [{"station": "HB9ODP", "used": True, "residual": -1e-6}, {"station": "JO51xl", "used": False, "residual": 0}],
    "cache_hit": True, "inference_time_ms": 4.5,
    "stages_ms": {"decode": 0.001, "preprocess": 1, "cache": 0.25, "model": 3, "ellipse": 0.125},
    "timestamp": "2026-01-02T03:04:05Z", "geojson": '{"type":"Feature"}', "later": [1, {"a": None}],
}


def write(name, value, **options):
    (HERE / name).write_bytes(msgpack.packb(value, **options))


write("capture_full.msgpack", FULL)
write("capture_single_float.msgpack", MINIMAL | {"freq": 433.5e6}, use_single_float=True)
write("capture_minimal.msgpack", MINIMAL)
write("fix.msgpack", FIX)
