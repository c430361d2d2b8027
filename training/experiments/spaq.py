"""Fine-tuning on SPAQ.

Command: musiq-train run --experiment spaq --data data/spaq --output runs/spaq
Expected: 2,086 steps for the 8,900 images of a random 80 %; the paper's SRCC is 0.917.
Not run here.

Source: MUSIQ (arXiv:2108.05997), section 4.1.
"""

from training.experiments.fine_tuning import fine_tuning

EXPERIMENT = fine_tuning(
    "spaq", "fine-tuning on SPAQ", learning_rate=1e-4, epochs=30, batch_size=128
)
