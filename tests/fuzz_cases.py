"""Mutations of input files, as hypothesis draws them."""

import copy

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

RELAXED = settings(deadline=None, max_examples=150, derandomize=True, suppress_health_check=list(HealthCheck))
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 200),
    st.sampled_from([10**30, -(10**30), 1e308, float("inf"), float("nan"), 1e-320]),
    st.floats(-100.0, 100.0),
    st.text(max_size=8),
    st.sampled_from([[], {}, [1], {"x": 1}, "water", "O", "Na", "Xx", "electrode", "1.0"]),
)


def places(content, path=()):
    """Paths of all values in nested dicts and lists."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


@st.composite
def changed(draw, original):
    """Nested dicts and lists with one or two values replaced, removed, renamed or added."""
    content = copy.deepcopy(original)
    for _ in range(draw(st.integers(1, 2))):
        *parents, key = draw(st.sampled_from(list(places(content))))
        holder = content
        for parent in parents:
            holder = holder[parent]
        action = draw(st.sampled_from(["replace", "replace", "remove", "rename", "add"]))
        if action == "replace":
            holder[key] = draw(JUNK)
        elif action == "remove":
            del holder[key]
        elif isinstance(holder, list):
            holder.insert(key, draw(JUNK))
        elif action == "rename":
            holder[draw(st.text(min_size=1, max_size=6))] = holder.pop(key)
        else:
            holder[draw(st.text(min_size=1, max_size=6))] = draw(JUNK)
        if not content:
            break
    return content


@st.composite
def damaged(draw, text):
    """A text with a few pieces cut out, doubled, or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.sampled_from([0, 1, 5, 60, 2000, len(text)]))
        filling = draw(
            st.one_of(
                st.just(""),
                st.just(2 * text[start : start + length]),
                st.sampled_from(
                    ["nan", "-1", "1e400", "9" * 30, "\n", "\t", "\x00", "é", "#", "{", "- ", ": "]
                ),
                st.text(max_size=6),
            )
        )
        text = text[:start] + filling + text[start + length :]
    return text


def write(path, text):
    """As it is, whatever it is: surrogates, NUL and carriage returns included."""
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
