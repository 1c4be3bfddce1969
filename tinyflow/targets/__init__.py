"""What runs firmware and counts: one module or package for each way, and what is read from an ELF file."""
