"""What the commands do at a terminal: how a signal ends them, and the countdown while a sign-in waits."""
