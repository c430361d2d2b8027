"""Gather: images that can only be read together become one element."""

import dataclasses
import operator
from collections.abc import Iterable, Iterator

import apache_beam as beam
from apache_beam.pvalue import PCollection

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.shards.formats import format_of_part

# A file, its generation, and what the file's format calls the piece.
_Piece = tuple[str, str, str]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RefGroup:
    """Refs that are read in one go; most are alone.

    Attributes:
      refs: One ref, or several of one piece of one file, by their places in it.
    """

    refs: tuple[ImageRef, ...]


class Gather(beam.PTransform):
    """Groups refs, of which most stay alone and cross no shuffle.

    Args:
      is_fast: Whether what is done with images takes no longer than to read them.
    """

    def __init__(self, *, is_fast: bool):
        super().__init__()
        self._is_fast = is_fast

    def expand(self, input_or_inputs: PCollection) -> PCollection:
        """Turn refs into groups."""
        refs = input_or_inputs
        alone = refs | "Alone" >> beam.FlatMap(_alone)
        together = (
            refs
            | "Together" >> beam.FlatMap(_keyed, self._is_fast)
            | "Group" >> beam.GroupByKey()
            | "In order" >> beam.MapTuple(_ordered)
        )
        return (alone, together) | "To fetch" >> beam.Flatten()


def piece_of(ref: ImageRef, *, is_fast: bool) -> tuple[_Piece, int] | None:
    """Return what must be read as a whole for an image, and its place in that.

    Args:
      ref: The image.
      is_fast: As `Gather` takes it.
    """
    if ref.part is None or ref.listed is None or ref.refusal is not None:
        return None
    together = format_of_part(ref.part).together(ref.part, is_fast=is_fast)
    if together is None:
        return None
    name, place = together
    return (ref.listed.uri, ref.listed.generation, name), place


def _alone(ref: ImageRef) -> Iterator[RefGroup]:
    if piece_of(ref, is_fast=True) is None:
        yield RefGroup(refs=(ref,))


def _keyed(
    ref: ImageRef, is_fast: bool
) -> Iterator[tuple[_Piece, tuple[int, ImageRef]]]:
    piece = piece_of(ref, is_fast=is_fast)
    if piece is not None:
        key, place = piece
        yield key, (place, ref)


def _ordered(key: _Piece, placed: Iterable[tuple[int, ImageRef]]) -> RefGroup:
    in_order = sorted(placed, key=operator.itemgetter(0))
    return RefGroup(refs=tuple(ref for _, ref in in_order))
