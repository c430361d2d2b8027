"""Batching by cost: images are collected until they fill what a scorer computes.

Which items share a batch depends on their order, but no score does.
"""

import abc
from typing import Generic, TypeVar

from musiq_core.config import sequence_length
from musiq_core.programs.bucketed.buckets import BATCH_ROWS, bucket_for, images_of
from musiq_core.programs.packed.layout import CAPACITIES, MAX_IMAGES

Item = TypeVar("Item")


class Batcher(abc.ABC, Generic[Item]):
    """Collects items into batches."""

    @abc.abstractmethod
    def add(self, item: Item, token_count: int) -> list[Item]:
        """Take an item and return the batch that is now complete, or an empty list.

        Args:
          item: Anything.
          token_count: Its tokens without CLS.
        """

    @abc.abstractmethod
    def flush(self) -> list[list[Item]]:
        """Return what has been collected, in batches, and start anew."""


class TokenBatcher(Batcher[Item]):
    """Collects items into batches that fit the smallest packed sequence.

    Attributes:
      row_budget: Rows of a batch; an item above it makes a batch of its own.
      max_items: Items of a batch.
    """

    def __init__(self, *, row_budget: int = CAPACITIES[0], max_items: int = MAX_IMAGES):
        if min(row_budget, max_items) < 1:
            raise ValueError(
                f"row_budget and max_items must be at least 1, got {row_budget} and "
                f"{max_items}"
            )
        self.row_budget = row_budget
        self.max_items = max_items
        self._items: list[Item] = []
        self._rows = 0

    def add(self, item: Item, token_count: int) -> list[Item]:
        """Take an item; the batch before it is complete if it does not fit."""
        rows = sequence_length(token_count)
        if rows >= self.row_budget:
            return [item]
        is_full = len(self._items) == self.max_items
        complete: list[Item] = []
        if is_full or self._rows + rows > self.row_budget:
            complete = self._take()
        self._items.append(item)
        self._rows += rows
        return complete

    def flush(self) -> list[list[Item]]:
        """Return the incomplete batch, if there is one."""
        return [self._take()] if self._items else []

    def _take(self) -> list[Item]:
        items, self._items, self._rows = self._items, [], 0
        return items


class BucketBatcher(Batcher[Item]):
    """Collects items of about one length into batches of a fixed shape.

    Attributes:
      batch_rows: Rows of a batch; the bucket says how many items that makes.
    """

    def __init__(self, *, batch_rows: int = BATCH_ROWS):
        self.batch_rows = batch_rows
        self._buckets: dict[int, list[Item]] = {}

    def add(self, item: Item, token_count: int) -> list[Item]:
        """Take an item; its bucket is complete when it has all its images."""
        bucket = bucket_for(sequence_length(token_count))
        items = self._buckets.setdefault(bucket, [])
        items.append(item)
        if len(items) < images_of(bucket, self.batch_rows):
            return []
        return self._buckets.pop(bucket)

    def flush(self) -> list[list[Item]]:
        """Return the incomplete batches of all buckets."""
        batches, self._buckets = list(self._buckets.values()), {}
        return batches
