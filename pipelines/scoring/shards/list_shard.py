"""List shards: each file of images becomes one ref for every image in it."""

from collections.abc import Iterable, Iterator

from pipelines.scoring.carried.arrow_types import CannotCarryError
from pipelines.scoring.carried.layout import FoundLayout
from pipelines.scoring.choosing.choice import Chooser, PatternsMet, up_to_limit
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import InputError
from pipelines.scoring.reading.refusals import open_shard, refusals_as_failures
from pipelines.scoring.shards.shard import Shard
from pipelines.scoring.shards.tar_shard import TarPart
from pipelines.storage import StorageError, StoredObject, storage_for
from schemas.failures import ImageFailure
from schemas.left_out import LeftOut


def list_shard(
    shard: Shard,
) -> Iterator[ImageRef | FoundLayout | LeftOut | PatternsMet]:
    """Yield the refs of the images in a shard, in its own order, streamed.

    What is left out on purpose is counted among them.

    A shard that cannot be read, or not to its end, gives one refused ref more, which
    has the URI of the shard itself. Last come the layouts of what the refs carry.

    Raises:
      InputError: If what it says of its images cannot be carried.
      StorageError: If the store fails, or the shard for a reason that may pass: rows of
        its images must not be dropped for that.
    """
    choice, found = shard.source.choice, None
    chooser = Chooser(choice)
    try:
        found = shard.listed or _look_at(shard.uri)
        with open_shard(found) as file:
            members = shard.format.list(shard, found, file)
            yield from up_to_limit(_chosen(members, chooser), choice.limit)
    except CannotCarryError as error:
        raise InputError(f"{shard.uri}: {error}") from error
    except ImageFailure as failure:
        if failure.failure.is_transient:
            raise StorageError(
                f"cannot list the images in {shard.uri}: {failure.detail}; run again"
            ) from failure
        yield shard.ref(
            place=None,
            name=shard.uri,
            key=shard.key,
            listed=found,
            refusal=(failure.failure, failure.detail),
        )
    yield from shard.layouts
    if choice.patterns:
        yield chooser.met


def _chosen(
    members: Iterable[ImageRef | LeftOut], chooser: Chooser
) -> Iterator[ImageRef | LeftOut]:
    for one in members:
        if isinstance(one, ImageRef) and (reason := chooser.why_not(_name_of(one))):
            yield LeftOut(reason=reason, example=one.uri)
        else:
            yield one


def _name_of(ref: ImageRef) -> str:
    """Return the name of a member in its archive; rows and records have but a key."""
    if ref.listed and isinstance(ref.part, TarPart):
        return ref.uri.removeprefix(f"{ref.listed.uri}#")
    return ref.key


def claimed_images(shard: Shard) -> int | None:
    """Return how many images a damaged shard says it holds; None if it does not say."""
    try:
        with open_shard(shard.listed or _look_at(shard.uri)) as file:
            return shard.format.claimed_images(shard, file)
    except (ImageFailure, StorageError):
        return None


@refusals_as_failures()
def _look_at(uri: str) -> StoredObject:
    """Return what the store says of a shard that a list names.

    Raises:
      ImageFailure: If it does not exist or cannot be looked at.
      StorageError: If the store does not answer.
    """
    storage = storage_for(uri)
    try:
        found = storage.stat(uri)
    except StorageError:
        storage.read(uri, listed=None, max_bytes=0)  # tells whose fault it is
        raise
    if found is None:
        storage.read(uri, listed=None, max_bytes=0)  # says why there is none
        raise StorageError(f"{uri} appeared while it was looked for; run again")
    return found
