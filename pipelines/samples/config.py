"""What `musiq demo` can be told; light to import."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """What was asked of `musiq demo`.

    Attributes:
      photos: Where the photos are written.
      output: The ledger's folder.
      model: As of `musiq score`.
    """

    photos: str = "samples"
    output: str = "samples-ledger"
    model: str = "builtin"
