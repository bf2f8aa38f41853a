"""Types of the fields of a JSON object, written in short: s text, i integer, n number, b boolean, o
object, l list.

A `?` after the letter allows null. `with_rates("a", "b")` stands for counters: `a` and `a_details:
{"rate": number}`.
"""

_TYPES = {"s": str, "i": int, "n": (int, float), "b": bool, "o": dict, "l": list}


def problems(value, shape, path=""):
    """What is not as `shape` says, as a list of sentences; additional fields are fine."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{path or 'the answer'} is no object: {value!r}"]
        found = []
        for name, inner in shape.items():
            if name not in value:
                found.append(f"{path}{name} is missing")
            else:
                found += problems(value[name], inner, f"{path}{name}.")
        return found
    nullable, letter = shape.endswith("?"), shape[0]
    if value is None:
        return [] if nullable else [f"{path[:-1]} is null"]
    right = isinstance(value, _TYPES[letter])
    if letter in "in" and isinstance(value, bool):
        right = False
    return [] if right else [f"{path[:-1]} is {value!r}, not of type {shape}"]


def with_rates(*names):
    shape = {}
    for name in names:
        shape[name] = "i"
        shape[f"{name}_details"] = {"rate": "n"}
    return shape


def assert_shape(value, shape):
    found = problems(value, shape)
    assert not found, "; ".join(found)
