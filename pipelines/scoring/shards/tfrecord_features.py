"""What the features of a tf.train.Example are: its images, its key, what is carried."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import pyarrow as pa

from pipelines.records.tfrecord import FeatureValues
from pipelines.scoring.carried.as_text import json_text
from pipelines.scoring.carried.layout import Carried
from pipelines.scoring.carried.rows import carry_arrow

USUAL_FEATURES = (
    *("image/encoded", "image", "encoded", "image_bytes", "image_raw"),
    *("jpg", "jpeg", "png", "webp"),
)
_KEYS = ("__key__", "key", "image/filename", "filename", "image/source_id")
_RECORDS_TOGETHER = 1000
_TYPES = {int: pa.int64(), float: pa.float32(), str: pa.string()}

Features = dict[str, FeatureValues]
Item = TypeVar("Item")


def image_feature(features: Features, wanted: str | None) -> str | None:
    """Return which feature holds images: the first that has bytes, None if none has.

    Args:
      features: Those of a record.
      wanted: The feature that the user names; None means the usual names.
    """
    for name in (wanted,) if wanted else USUAL_FEATURES:
        values = features.get(name)
        if values and isinstance(values[0], bytes):
            return name
    return None


def images_in(features: Features, wanted: str | None) -> list[bytes]:
    """Return the images among features: all of the feature that holds them."""
    name = image_feature(features, wanted)
    values = features[name] if name else []
    return [value for value in values if isinstance(value, bytes)]


def key_in(features: Features) -> str | None:
    """Return how a record names itself, None if it does not."""
    name = _key_feature(features)
    return str(_texts(features[name])[0]) if name else None


def with_carried(
    records: Iterable[tuple[Item, Features]], wanted: str | None
) -> Iterator[tuple[Item, Carried]]:
    """Yield items with what the features beside their images and keys say.

    Numbers stay numbers and bytes that are UTF-8 are text; a feature that has several
    values somewhere is one of lists. Other bytes are not carried, and told of.

    Args:
      records: Items, and features of each. What comes before an error is yielded before
        the error is raised.
      wanted: The feature of images that the user names.
    """
    waiting: list[tuple[Item, Features]] = []

    def drain() -> Iterator[tuple[Item, Carried]]:
        columns, left_out = _columns([features for _, features in waiting])
        rows = carry_arrow(columns, count=len(waiting), left_out=left_out)
        yield from zip([item for item, _ in waiting], rows, strict=True)
        waiting.clear()

    try:
        for item, features in records:
            known = {image_feature(features, wanted), _key_feature(features)}
            said = {n: values for n, values in features.items() if n not in known}
            waiting.append((item, said))
            if len(waiting) == _RECORDS_TOGETHER:
                yield from drain()
    except Exception:
        yield from drain()
        raise
    yield from drain()


def _columns(
    records: Sequence[Features],
) -> tuple[dict[str, pa.Array], tuple[tuple[str, str], ...]]:
    """Return features as columns, and the names of those that are not carried."""
    names = dict.fromkeys(itertools.chain.from_iterable(records))
    columns, left_out = {}, []
    for name in names:
        try:
            columns[name] = _column([_values(one.get(name)) for one in records])
        except UnicodeDecodeError:
            left_out.append((name, "bytes that are no text"))
    return columns, tuple(left_out)


def _column(values: Sequence[list[Any] | None]) -> pa.Array:
    """Return a feature of records: lists, or single values if none has several."""
    kinds = {type(one) for some in values for one in some or ()}
    if len(kinds) > 1:
        texts = [None if some is None else json_text(some) for some in values]
        return pa.array(texts, pa.string())
    kind = _TYPES[kinds.pop()] if kinds else pa.null()
    if any(len(some or ()) > 1 for some in values):
        return pa.array(values, pa.list_(kind))
    return pa.array([some[0] if some else None for some in values], kind)


def _values(values: FeatureValues | None) -> list[Any] | None:
    return None if values is None else _texts(values)


def _texts(values: FeatureValues) -> list[Any]:
    return [one.decode() if isinstance(one, bytes) else one for one in values]


def _key_feature(features: Features) -> str | None:
    for name in _KEYS:
        match features.get(name):
            case [bytes(value)] if value:
                try:
                    value.decode()
                except UnicodeDecodeError:
                    continue
                return name
            case _:
                pass
    return None
