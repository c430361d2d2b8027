"""The layouts that one listing meets, gathered while it makes refs."""

import dataclasses
from collections.abc import Iterator

from pipelines.scoring.carried.layout import Carried, FoundLayout, Layout


@dataclasses.dataclass
class Layouts:
    """Layouts of refs that were made, each with the place of the first of them."""

    _found: dict[str, FoundLayout] = dataclasses.field(default_factory=dict)
    _together: dict[tuple[str, str], tuple[Layout, tuple[int, ...]]] = (
        dataclasses.field(default_factory=dict)
    )

    def add(self, said: Carried, own: Carried, order: tuple[int, ...]) -> Carried:
        """Return what an image carries, and remember its layout.

        Args:
          said: What a manifest says of the file that holds the image.
          own: What the file says of the image; of one name, the manifest's word counts.
          order: The image's place.
        """
        if said.layout and own.layout:
            layout, places = self._join(said.layout, own.layout)
            own_values = tuple(own.values[place] for place in places)
            carried = Carried(layout, said.values + own_values)
        else:
            carried = said if said.layout else own
        if carried.layout and carried.layout.digest not in self._found:
            self._found[carried.layout.digest] = FoundLayout(
                layout=carried.layout, order=order
            )
        return carried

    def __iter__(self) -> Iterator[FoundLayout]:
        """Yield the layouts."""
        return iter(list(self._found.values()))

    def _join(self, said: Layout, own: Layout) -> tuple[Layout, tuple[int, ...]]:
        """Return the layout of both, and which of the own fields are in it."""
        key = said.digest, own.digest
        if key not in self._together:
            names = {field.name for field in said.fields}
            places = tuple(
                place for place, f in enumerate(own.fields) if f.name not in names
            )
            layout = Layout(
                fields=(*said.fields, *(own.fields[place] for place in places)),
                wide=said.wide | (own.wide - names),
                fine=said.fine | (own.fine - names),
                left_out=(*said.left_out, *own.left_out),
            )
            self._together[key] = layout, places
        return self._together[key]
