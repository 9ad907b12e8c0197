"""What each section of the page says, worked out of the evidence; the templates only lay it out."""
