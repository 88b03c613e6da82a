"""What every kind of child process is made with: the frames it talks in, and the limits it is held to."""
