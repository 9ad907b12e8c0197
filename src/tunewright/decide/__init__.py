"""What follows from the evidence."""
