"""When a store refuses everything, the job ends instead of failing every image."""

import threading

from pipelines.storage import StorageError

FORBIDDEN_IMAGES = 100


class ForbiddenRun:
    """Counts the reads of one process up to the first that the store did not refuse.

    A single refused image is a failed row. If the first 100 reads of a worker are all
    refused, the account lacks a role: to go on would cost a request and a row for each
    of millions. For use by several threads at once.
    """

    def __init__(self):
        self._refused = 0
        self._has_been_admitted = False
        self._lock = threading.Lock()

    def admitted(self) -> None:
        """Note an image that was read, or could not be for any other reason."""
        self._has_been_admitted = True

    def refused(self, uri: str, detail: str) -> None:
        """Note an image that the store refuses.

        Args:
          uri: The image.
          detail: What the store said.

        Raises:
          StorageError: If all of the first 100 were refused.
        """
        if self._has_been_admitted:
            return
        with self._lock:
            self._refused += 1
            is_hopeless = self._refused >= FORBIDDEN_IMAGES
        if is_hopeless:
            raise StorageError(
                f"cannot read {uri}, nor any of the first {FORBIDDEN_IMAGES} images of "
                f"this worker: {detail}"
            )
