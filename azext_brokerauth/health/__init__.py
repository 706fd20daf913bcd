"""What brokered sign-in needs of a machine, looked at one condition at a time."""
