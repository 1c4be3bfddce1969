"""Archives: a bench or suite as one file that anybody can check and rebuild from. Knows no recipe, model or plan.

`container`: bytes ↔ named files; `contents`: what the files say of each other; `documents`: what readers get.
"""
