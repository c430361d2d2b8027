"""Files that hold many images: a format a file."""
