"""Which of the images that inputs name are tried."""
