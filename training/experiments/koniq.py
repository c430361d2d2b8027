"""Fine-tuning on KonIQ-10k.

Command: musiq-train run --experiment koniq --data data/koniq --output runs/koniq
Expected: 2,519 steps for the 8,058 images of a random 80 %; the paper's SRCC is 0.916.
Not run here.

Source: MUSIQ (arXiv:2108.05997), section 4.1.
"""

from training.experiments.fine_tuning import fine_tuning

EXPERIMENT = fine_tuning(
    "koniq", "fine-tuning on KonIQ-10k", learning_rate=1e-4, epochs=30, batch_size=96
)
