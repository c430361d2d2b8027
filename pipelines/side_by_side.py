"""Several iterators advanced at once, each by a thread of its own."""

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import TypeVar

_TAKEN_TOGETHER = 1000
_WAITING_LISTS = 16
_GIVE_UP_SECONDS = 0.2

Item = TypeVar("Item")


def side_by_side(iterators: Sequence[Iterator[Item]]) -> Iterator[Item]:
    """Yield what iterators give as it comes, each one's items in their order.

    Raises:
      Exception: What one of them raises; the others are given up.
    """
    if len(iterators) == 1:
        yield from iterators[0]
        return
    ready: queue.Queue[list[Item] | Exception | None] = queue.Queue(_WAITING_LISTS)
    given_up = threading.Event()

    def put(found: list[Item] | Exception | None):
        while not given_up.is_set():
            try:
                ready.put(found, timeout=_GIVE_UP_SECONDS)
            except queue.Full:
                continue
            return

    def advance(iterator: Iterator[Item]):
        try:
            together: list[Item] = []
            for item in iterator:
                together.append(item)
                if len(together) == _TAKEN_TOGETHER:
                    put(together)
                    together = []
                if given_up.is_set():
                    return
            put(together)
            put(None)
        except Exception as error:  # told by the thread that waits
            put(error)

    threads = [
        threading.Thread(target=advance, args=(one,), daemon=True) for one in iterators
    ]
    for thread in threads:
        thread.start()
    try:
        at_work = len(threads)
        while at_work:
            found = ready.get()
            if isinstance(found, Exception):
                raise found
            if found is None:
                at_work -= 1
            else:
                yield from found
    finally:
        given_up.set()
        for thread in threads:
            thread.join()
