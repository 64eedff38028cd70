"""Views of a graph: drawings, explanations, pages, spreadsheets, and where a nan came from."""
