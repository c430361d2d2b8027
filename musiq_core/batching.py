"""Batching by cost: images are collected until their rows fill a packed sequence."""

from typing import Generic, TypeVar

from musiq_core.packing import CAPACITIES, MAX_IMAGES, sequence_length

Item = TypeVar("Item")


class TokenBatcher(Generic[Item]):
    """Collects items into batches that fit the smallest packed sequence.

    Which items share a batch depends on their order, but no score does.

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
        """Take an item and return the batch that is now complete, or an empty list.

        Args:
          item: Anything.
          token_count: Its tokens without CLS.
        """
        rows = sequence_length(token_count)
        if rows >= self.row_budget:
            return [item]
        is_full = len(self._items) == self.max_items
        complete = []
        if is_full or self._rows + rows > self.row_budget:
            complete = self.flush()
        self._items.append(item)
        self._rows += rows
        return complete

    def flush(self) -> list[Item]:
        """Return what has been collected, possibly nothing, and start anew."""
        items, self._items, self._rows = self._items, [], 0
        return items
