"""What was forgotten and how sure one can be: items paired, differences tested and judged."""
