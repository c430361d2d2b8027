"""A shard: one file that holds many images; what every format of them can do."""

import abc
import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, ClassVar, Generic, TypeVar

from pipelines.scoring.carried.layout import NOTHING, Carried
from pipelines.scoring.carried.layouts import Layouts
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import Input
from pipelines.scoring.shards.part import Part
from pipelines.storage import StoredObject
from schemas.failures import Failure, ImageFailure
from schemas.left_out import LeftOut, LeftOutTally

PartType = TypeVar("PartType", bound=Part)


class ShardFormat(abc.ABC, Generic[PartType]):
    """One kind of file that holds images: how to know it, list it and read from it.

    Formats have no state. A new one is a file of its own and a line in `formats`.

    Attributes:
      names: What the names of such files match.
      part_type: What its parts are.
    """

    names: ClassVar[re.Pattern[str]]
    part_type: ClassVar[type]

    def claimed_images(self, shard: "Shard", file: BinaryIO) -> int | None:
        """Return how many images a file says it holds; None if it does not say.

        Raises:
          ImageFailure: If that cannot be read.
        """
        return None

    @abc.abstractmethod
    def list(
        self, shard: "Shard", found: StoredObject, file: BinaryIO
    ) -> Iterator[ImageRef | LeftOut]:
        """Yield one ref an image, in the shard's own order, streamed.

        What is left out on purpose is yielded beside them, to be counted.

        Args:
          shard: The shard.
          found: What the store says of it.
          file: Its content.

        Raises:
          ImageFailure: Where it is damaged or cut short.
        """

    def together(self, part: PartType, *, is_fast: bool) -> tuple[str, int] | None:
        """Return what must be read as a whole for a part, and the part's place in it.

        None means that the part is read alone.

        Args:
          part: The part.
          is_fast: Whether what is done with images takes no longer than to read them.
        """
        return None

    @abc.abstractmethod
    def read(
        self, found: StoredObject, parts: Sequence[PartType], *, max_bytes: int
    ) -> Iterator[bytes | ImageFailure]:
        """Yield each part's image, or why there is none, in order and streamed.

        Args:
          found: The file, as it was when the parts were listed.
          parts: One part, or several that are read together, by their places.
          max_bytes: Larger images are `too_large`.

        Raises:
          ImageFailure: Why there is neither the next image nor any after that.
          StorageError: If the store is down.
        """


def then_left_out(
    refs: Iterator[ImageRef], left_out: LeftOutTally
) -> Iterator[ImageRef | LeftOut]:
    """Yield refs, and then what was left out meanwhile, also if an error ends them."""
    try:
        yield from refs
    except ImageFailure:
        yield from left_out.total()
        raise
    yield from left_out.total()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """A file of images that an input names.

    Attributes:
      uri: The file.
      key: Its name as the input gave it.
      format: What kind of file it is.
      order: Input number and place within it.
      source: The input.
      said: What the manifest that names it says of it; its images inherit that.
      listed: What a listing said of it; None if a list named it.
      layouts: What the refs of its images carry.
    """

    uri: str
    key: str
    format: ShardFormat[Any]
    order: tuple[int, ...]
    source: Input
    said: Carried = NOTHING
    listed: StoredObject | None = None
    layouts: Layouts = dataclasses.field(
        default_factory=Layouts, compare=False, repr=False
    )

    def name_of(self, place: str) -> str:
        """Return the URI of the image at a place, such as `row=17`.

        A column that the user names is part of it: one row may hold several images.
        """
        column = self.source.image_column
        return f"{self.uri}#{place}" + (f"&column={column}" if column else "")

    def ref(
        self,
        *,
        place: int | None,
        name: str,
        key: str,
        carried: Carried = NOTHING,
        listed: StoredObject | None = None,
        part: Part | None = None,
        refusal: tuple[Failure, str] | None = None,
    ) -> ImageRef:
        """Return the ref of one image.

        Args:
          place: Place in the shard; None stands for the shard as a whole.
          name: The image's URI.
          key: Its key.
          carried: What the shard says of the image, one of `CarriedRows`.
          listed: The file that holds the image.
          part: Which part of that it is.
          refusal: Why the image must not be opened.
        """
        order = self.order if place is None else (*self.order, place)
        layout, values = self.layouts.add(self.said, carried, order)
        return ImageRef(
            uri=name,
            key=key,
            order=order,
            carried=values,
            layout=layout.digest,
            listed=listed,
            part=part,
            refusal=refusal,
        )
