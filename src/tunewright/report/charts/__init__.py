"""Charts as inline SVG, one small module each, drawn by Altair and vl-convert without a network."""
