"""Reports as one HTML file each: no script is needed to read them, no other file and no network to show them.

Drawings are SVG of our own, coloured by the page's style sheet, so that light and dark and print are one drawing.
Same documents, same bytes.
"""
