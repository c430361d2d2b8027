"""Fine-tuning on PaQ-2-PiQ.

Command: musiq-train run --experiment paq2piq --data data/paq2piq --output runs/paq2piq
Expected: 10 epochs over images and patches alike; the paper's SRCC is 0.646. Not run
here.

Source: MUSIQ (arXiv:2108.05997), section 4.1.
"""

from training.experiments.fine_tuning import fine_tuning

EXPERIMENT = fine_tuning(
    "paq2piq", "fine-tuning on PaQ-2-PiQ", learning_rate=2e-4, epochs=10, batch_size=128
)
