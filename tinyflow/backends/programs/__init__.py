"""Programs of kernel calls whose order is known: their steps, where all lies in one arena, and what runs row by row."""
