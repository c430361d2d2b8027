"""Bases of the DoFns that hold elements back, none of them beyond its bundle."""

import abc
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from pipelines.read_ahead import ReadAhead

Item = TypeVar("Item")
Result = TypeVar("Result")


class BundleDoFn(beam.DoFn, abc.ABC):
    """A DoFn whose last results come when the bundle ends."""

    @abc.abstractmethod
    def drain(self) -> Iterator[Any]:
        """Yield the results of all elements that are still held back."""

    # Beam allows windowed values here, which its annotation does not say.
    def finish_bundle(self) -> Iterator[WindowedValue]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Emit what `drain` yields."""
        yield from map(GlobalWindows.windowed_value, self.drain())


class AheadDoFn(BundleDoFn, Generic[Item, Result]):
    """A DoFn that works on the next elements while those before them are being used.

    Results come in the order of the elements. `report` is called by the thread of the
    bundle, which alone can tell Beam of metrics.
    """

    @abc.abstractmethod
    def start_ahead(self) -> ReadAhead[Item, Result]:
        """Start what works ahead, once on every worker."""

    @abc.abstractmethod
    def report(self) -> None:
        """Tell Beam what was measured since the last call."""

    def setup(self):
        """Start the threads."""
        self._ahead = self.start_ahead()

    def teardown(self):
        """End the threads."""
        self._ahead.close()

    def start_bundle(self):
        """Start with nothing on its way; a bundle that failed may have left some."""
        self._ahead.forget()

    def process(self, element: Item) -> Iterator[Result]:
        """Emit the results that are due."""
        yield from self._ahead.add(element)
        self.report()

    def drain(self) -> Iterator[Result]:
        """Yield the results still on their way."""
        yield from self._ahead.drain()
        self.report()
