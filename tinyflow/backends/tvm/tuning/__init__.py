"""The search for the best choice of each kernel, and the records that keep what it found."""
