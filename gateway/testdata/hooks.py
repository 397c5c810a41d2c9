"""Makes what Schemathesis makes up long enough for the test's model, which needs 4480 samples: by repeating it. Holds the
refusals of right requests against the list of those that a schema cannot foresee."""
import schemathesis
from schemathesis.generation import GenerationMode

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


# What a schema cannot say, or this one does not.
UNFORESEEN = {
    "null_island",  # latitude and longitude are both exactly 0
    "bad_base64", "bad_iq_length",  # iq is a string, and what is in it another matter
    "bad_time", "bad_parameter",  # a date before 1970; 416.0, which is an integer to a schema
    "missing_field",  # sample_rate, which may stand beside the receivers or in each
    "duplicate_station", "too_short", "no_overlap", "no_centroid", "no_baseline", "unfit_for_model", "frequency_mismatch", "rate_mismatch",  # the receivers together
    "too_few_receivers", "too_many_receivers",  # for the model
}


@schemathesis.check
def right_requests_are_of_the_right_form(ctx, response, case):
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE or response.status_code != 400:
        return
    code, detail = response.json()["code"], response.json()["detail"]
    if code not in UNFORESEEN or code == "missing_field" and not detail.endswith("sample_rate is missing"):
        raise AssertionError(f"a right request is refused with {code}: {detail}")
