"""Makes what Schemathesis makes up long enough for the test's model, which needs 4480 samples: by repeating it."""
import schemathesis

SAMPLES = 4480


def lengthen(value):
    if isinstance(value, list):
        return [lengthen(v) for v in value]
    if not isinstance(value, dict):
        return value
    value = {name: v if name == "iq_data" else lengthen(v) for name, v in value.items()}
    iq = value.get("iq_data")
    if isinstance(iq, list) and 0 < len(iq) < SAMPLES:
        value["iq_data"] = iq * (SAMPLES // len(iq) + 1)
    return value


@schemathesis.hook
def map_body(context, body):
    return lengthen(body)
