"""The built-in model: a small MUSIQ that comes with the package, and how it is made."""
