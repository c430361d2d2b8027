"""Fine-tuning on AVA's distributions of ratings 1..10.

Command: musiq-train run --experiment ava --data data/ava --output runs/ava
Expected: about 9,200 steps; the paper's SRCC is 0.726. Not run here.

A learning rate of 0.12 with momentum is warmed up, over 500 steps as in the recipe for
ViT; the paper does not say.

Source: MUSIQ (arXiv:2108.05997), section 4.1.
"""

from training.experiments.fine_tuning import fine_tuning

EXPERIMENT = fine_tuning(
    "ava",
    "fine-tuning on AVA's distributions of ratings",
    learning_rate=0.12,
    epochs=20,
    batch_size=512,
    loss="earth_movers_distance",
    output_count=10,
    warmup_steps=500,
)
