"""What is done to data before it is learned from: repairs, splits, mixtures, growth."""
