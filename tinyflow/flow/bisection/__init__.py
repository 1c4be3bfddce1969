"""Which commit changed a number: git searches, every commit is measured by its own code, and what is known is kept."""
