"""What `musiq verify` can be told; light to import."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class VerifyingConfig:
    """What was asked of `musiq verify`.

    Attributes:
      ledger: Name of the ledger's folder.
      json: Whether the answer is JSON.
    """

    ledger: str
    json: bool = False
