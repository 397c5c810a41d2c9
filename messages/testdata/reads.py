"""Reads captures and fixes as msgpack from standard input and prints them as JSON, a line each; bin as hex."""

import json
import sys

import msgpack

for message in msgpack.Unpacker(sys.stdin.buffer, raw=False, strict_map_key=True, max_buffer_size=1 << 26):
    print(json.dumps(message, default=bytes.hex))
