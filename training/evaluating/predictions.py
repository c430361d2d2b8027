"""What a model says of labelled examples, and the Parquet file that keeps it."""

import dataclasses
import hashlib
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.storage import storage_for
from training.evaluating.correlations import mean_ratings


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """Labels and predictions of one split, in the order of its examples.

    Attributes:
      names: Name of each example in its data set.
      groups: What each belongs to; examples of one group are not independent.
      labels: float64 [examples], scores of people, or their mean rating.
      predictions: float64 [examples], scores of the model, or its mean rating.
      label_distributions: float64 [examples, n], None if people gave scores.
      distributions: float64 [examples, n], None if the model gives scores.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    labels: np.ndarray
    predictions: np.ndarray
    label_distributions: np.ndarray | None = None
    distributions: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        names: tuple[str, ...],
        groups: tuple[str, ...],
        labels: np.ndarray,
        outputs: np.ndarray,
    ) -> "Predictions":
        """Return the predictions of a model with these outputs.

        Args:
          names: Of the examples.
          groups: Of the examples.
          labels: [examples, 1] scores, or [examples, n] probabilities of 1..n.
          outputs: [examples, 1] scores, or [examples, n] probabilities of 1..n.
        """
        label_scores, label_distributions = _scores_of(labels)
        scores, distributions = _scores_of(outputs)
        return cls(
            names=names,
            groups=groups,
            labels=label_scores,
            predictions=scores,
            label_distributions=label_distributions,
            distributions=distributions,
        )

    def labels_digest(self) -> str:
        """Return the SHA-256 of names and labels: equal for equal examples.

        The order of the examples and the bytes of their images do not count.
        """
        pairs = sorted(zip(self.names, self.labels.tolist(), strict=True))
        return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()

    def to_table(self) -> pa.Table:
        """Return one row an example, with the distributions that there are."""
        columns = {
            "name": pa.array(self.names, pa.string()),
            "group": pa.array(self.groups, pa.string()),
            "label": pa.array(self.labels),
            "prediction": pa.array(self.predictions),
        }
        for name, distributions in (
            ("label_distribution", self.label_distributions),
            ("distribution", self.distributions),
        ):
            if distributions is not None:
                lists = pa.list_(pa.float64())
                columns[name] = pa.array(distributions.tolist(), lists)
        return pa.table(columns)


def write_predictions(predictions: Predictions, uri: str) -> None:
    """Create or replace a Parquet file; it is whole, or as it was before.

    Raises:
      StorageError: If it cannot be written.
    """
    data = io.BytesIO()
    pq.write_table(predictions.to_table(), data)
    storage_for(uri).write(uri, data.getvalue())


def _scores_of(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return one score an example, and the distributions that they are the means of."""
    numbers = np.asarray(numbers, np.float64)
    if numbers.shape[1] == 1:
        return numbers[:, 0], None
    return mean_ratings(numbers), numbers
