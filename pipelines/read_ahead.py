"""Read-ahead: work on the next elements while those before them are being used."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class ReadAhead(Generic[Item, Result]):
    """Calls a function in threads; results come in order, a few elements later.

    Attributes:
      depth: Elements worked on ahead; with 0 the function is called at once.
    """

    def __init__(
        self, function: Callable[[Item], Result], *, depth: int, threads: int = 1
    ):
        if depth < 0 or threads < 1:
            raise ValueError(
                f"depth must be at least 0 and threads at least 1, got {depth} and "
                f"{threads}"
            )
        self.depth = depth
        self._function = function
        self._waiting: deque[Future[Result]] = deque()
        self._threads = ThreadPoolExecutor(threads) if depth else None

    def add(self, item: Item) -> Iterator[Result]:
        """Take an element; yield the results that are due. Raises what they raised."""
        if self._threads is None:
            yield self._function(item)
            return
        self._waiting.append(self._threads.submit(self._function, item))
        while len(self._waiting) > self.depth:
            yield self._waiting.popleft().result()

    def drain(self) -> Iterator[Result]:
        """Yield the results of all elements that are still on their way."""
        while self._waiting:
            yield self._waiting.popleft().result()

    def forget(self) -> None:
        """Drop what is on its way, for a bundle that starts anew."""
        while self._waiting:
            self._waiting.popleft().cancel()

    def close(self) -> None:
        """End the threads without waiting for them."""
        self.forget()
        if self._threads:
            self._threads.shutdown(wait=False, cancel_futures=True)


def worked_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, depth: int
) -> Iterator[Result]:
    """Yield what a function returns for items, in order; `depth` threads call it."""
    ahead = ReadAhead(function, depth=depth, threads=depth)
    try:
        for item in items:
            yield from ahead.add(item)
        yield from ahead.drain()
    finally:
        ahead.close()
