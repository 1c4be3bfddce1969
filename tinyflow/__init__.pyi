from tinyflow.flow.query import results as results

__version__: str
