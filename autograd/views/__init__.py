"""Show a graph: drawings, explanations, outlines, pages, spreadsheets, and the origin of a nan."""
