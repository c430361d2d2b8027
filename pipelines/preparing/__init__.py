"""`musiq prepare`: labelled data sets as released become shards for training."""
