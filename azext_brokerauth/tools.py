"""``tool``: which tools get their tokens from us, set up and taken back."""
