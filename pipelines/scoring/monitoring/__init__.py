"""What is counted while a run goes on, and what is told of it."""
