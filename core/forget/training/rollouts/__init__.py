"""What methods share that learn from what the model itself writes."""
