"""What is copied, whereto, and what copies are called."""
