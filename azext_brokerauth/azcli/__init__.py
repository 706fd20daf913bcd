"""What makes us at home in az."""
