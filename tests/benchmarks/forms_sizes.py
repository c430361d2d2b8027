"""The fixed sizes at which forms of the model are compared, (height, width)."""

SIZES = {"640x480": (480, 640), "1024x768": (768, 1024)}
