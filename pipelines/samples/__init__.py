"""Sample photos for a first try: what `make score` scores when nothing is named."""
