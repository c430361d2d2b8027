"""`musiq models`: bring model files into being and look at them."""
