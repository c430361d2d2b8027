"""Files that hold many images or examples, read by plain code without TensorFlow."""
